import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../lib/clock.ts'
import { silentLog } from '../../lib/log.ts'
import { createAuthority, issueCertificate } from '../../lib/pki.ts'
import { UsageError } from '../options.ts'
import { collectorOptions, parseCollectorFlags } from './collector.ts'

const folder = mkdtempSync(join(tmpdir(), 'binnacle-collector-flags-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const optionsOf = (...args: string[]) => collectorOptions(parseCollectorFlags(args).flags, silentLog)

function fileWith(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

describe('the flags of the collector', () => {
  it('say which files are no certificates, or do not belong together', async () => {
    const now = systemClock.now()
    const authority = await createAuthority('ca', now)
    const issue = () => issueCertificate(authority, { commonName: 'collector', hosts: ['127.0.0.1'], isServer: true, now })
    const [mine, other] = await Promise.all([issue(), issue()])
    const cert = fileWith('cert', mine.cert)
    const key = fileWith('key', mine.key)
    const foreignKey = fileWith('foreign-key', other.key)
    const nonsense = fileWith('nonsense', 'nonsense')
    expect(optionsOf('--tls-cert', cert, '--tls-key', key).tls).toEqual({ certificate: mine.cert, key: mine.key })
    for (const args of [
      ['--tls-cert', cert, '--tls-key', foreignKey],
      ['--tls-cert', nonsense, '--tls-key', key],
      ['--tls-cert', cert, '--tls-key', key, '--client-ca', nonsense],
    ]) {
      expect(() => optionsOf(...args)).toThrow(UsageError)
      expect(() => optionsOf(...args)).toThrow(/--tls-cert, --tls-key, --client-ca: .*PEM/)
    }
    const kubelet = ['--kubelet-url', 'https://127.0.0.1:10250']
    expect(() => optionsOf(...kubelet, '--kubelet-ca', nonsense)).toThrow(/--kubelet-ca/)
    expect(() => optionsOf(...kubelet, '--kubelet-client-cert', cert, '--kubelet-client-key', foreignKey)).toThrow(UsageError)
  })

  it('say which folder is not there', () => {
    for (const name of ['proc-root', 'cgroup-root', 'sys-root', 'etc-root']) {
      expect(() => optionsOf(`--${name}=/nowhere`)).toThrow(`--${name}: "/nowhere" is not allowed: allowed are folders that are there`)
    }
    expect(optionsOf(`--etc-root=${folder}`).etcRoot).toBe(folder)
  })
})
