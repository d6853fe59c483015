import { expect, it } from 'vitest'
import type { LogAccounts } from '../../aggregator/logs/log-accounts.ts'
import { formatLogStatus } from './log-status.ts'

const none: LogAccounts = {
  readLines: 12,
  safeLines: 12,
  behindBytes: 0,
  unacknowledgedBytes: 0,
  lost: [],
  cutLines: 0,
  goneFiles: 0,
  sinks: [{ name: 'store', isHealthy: true, waitingLines: 0, dropped: {} }],
  problems: [],
  losers: [],
}

it('has a row for each node, and below it what is wrong and who lost lines', () => {
  const lost = [
    { reason: 'limit', lines: 100, bytes: 9000 },
    { reason: 'held', lines: 0, bytes: 2048 },
  ]
  const sinks = [{ name: 'es', isHealthy: false, lastError: 'ECONNREFUSED', waitingLines: 7, dropped: { 'spool full': 5 } }]
  const losing = { ...none, behindBytes: 1024, unacknowledgedBytes: 512, lost, sinks, cutLines: 2, problems: ['no journalctl'] }
  const accounts = { ...losing, losers: [{ name: 'default/web/main', lost }] }
  expect(
    formatLogStatus([
      { node: 'node-0', accounts: none },
      { node: 'n1', problem: 'it keeps no logs' },
      { node: 'node-2', accounts },
    ]),
  ).toEqual([
    'NODE    SAFE LINES  WAITING    NOT READ  LOST LINES',
    'node-0  12          0 bytes    0 bytes   nothing',
    'n1      it keeps no logs',
    'node-2  12          512 bytes  1.0 KiB   limit 100, held 2.0 KiB, es spool full 5, ends of long lines 2',
    '  ! no journalctl',
    '  ! sink es takes no lines: ECONNREFUSED; 7 wait',
    '  default/web/main: limit 100, held 2.0 KiB',
  ])
})
