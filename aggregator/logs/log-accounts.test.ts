import { describe, expect, it } from 'vitest'
import type { LogStatus } from '../../collector/logs/report.ts'
import { CoreV1Node } from '../../orchestrator/api/generated/kinds.ts'
import { createLogAccounts, summarizeStatus } from './log-accounts.ts'

const counts = {
  readBytes: 0,
  readLines: 0,
  acknowledgedLines: 0,
  acknowledgedBytes: 0,
  oddLines: 0,
  cutLines: 0,
  cutBytes: 0,
  truncations: 0,
  goneFiles: 0,
  lostLines: {},
  lostBytes: {},
}
const origin = { ...counts, namespace: 'default', container: 'main', samples: {}, files: [] }
const status = (more: Partial<LogStatus>): LogStatus => ({
  problems: [],
  total: counts,
  unacknowledged: { batches: 0, bytes: 0 },
  checkpoint: { saves: 0, failures: 0, paths: 0 },
  sinks: [],
  origins: [],
  ...more,
})

describe('the accounts of a node', () => {
  it('say what is lost by the reason, in bytes where lines were never read, and who lost most', () => {
    const origins = Array.from({ length: 12 }, (_, index) => ({
      ...origin,
      id: `docker/${index}`,
      pod: `pod-${index}`,
      lostLines: { limit: index },
      lostBytes: { limit: index * 10 },
      files: [{ path: '/x', file: 'x', isRotated: false, offset: 0, lagBytes: index }],
    }))
    const total = {
      ...counts,
      readLines: 9,
      acknowledgedLines: 8,
      lostLines: { limit: 66 },
      lostBytes: { limit: 660, held: 4096, drop: 0 },
    }
    const accounts = summarizeStatus(status({ total, origins }))
    expect(accounts).toMatchObject({
      readLines: 9,
      safeLines: 8,
      behindBytes: 66,
      lost: [
        { reason: 'limit', lines: 66, bytes: 660 },
        { reason: 'held', lines: 0, bytes: 4096 },
      ],
    })
    expect(accounts.losers.map(({ name }) => name)).toEqual([11, 10, 9, 8, 7, 6, 5, 4, 3, 2].map((index) => `default/pod-${index}/main`))
  })
})

describe('the accounts of all nodes', () => {
  const node = (name: string): CoreV1Node => ({ apiVersion: 'v1', kind: 'Node', metadata: { name }, spec: {} })
  const informerOf = (...names: string[]) =>
    ({ list: () => names.map(node) }) as unknown as Parameters<typeof createLogAccounts>[0]['nodes']

  it('name a node that keeps none, fails or talks nonsense, and have those of the others', async () => {
    const readStatus = async ({ metadata }: CoreV1Node): Promise<string> => {
      if (metadata.name === 'a') return JSON.stringify(status({ problems: ['no journalctl'] }))
      if (metadata.name === 'b') throw Object.assign(new Error('answered 404'), { status: 404 })
      if (metadata.name === 'c') throw new Error('10.0.0.3:10250: connection refused')
      return '{"total":{}}'
    }
    expect(await createLogAccounts({ nodes: informerOf('d', 'c', 'b', 'a'), readStatus })()).toMatchObject([
      { node: 'a', accounts: { problems: ['no journalctl'] } },
      { node: 'b', problem: 'it keeps no logs' },
      { node: 'c', problem: '10.0.0.3:10250: connection refused' },
      { node: 'd', problem: expect.any(String) as unknown },
    ])
  })

  it('are asked for once where several want them at a time', async () => {
    let asked = 0
    const accounts = createLogAccounts({
      nodes: informerOf(...Array.from({ length: 100 }, (_, index) => `n${index}`)),
      readStatus: async () => {
        asked++
        return JSON.stringify(status({}))
      },
    })
    const [first, second] = await Promise.all([accounts(), accounts()])
    expect([first, second?.length, asked]).toEqual([second, 100, 100])
    await accounts()
    expect(asked).toBe(200)
  })
})
