import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FakeWindow } from '../../aggregator/fake-window.ts'
import type { Clock } from '../../lib/clock.ts'
import { silentLog } from '../../lib/log.ts'
import { systemRandom } from '../../lib/random.ts'
import { createClusteredAlerts } from '../cluster/app.ts'
import type { ClusteredAlerts, ClusteredAlertsOptions } from '../cluster/app.ts'
import { FakeLeases } from '../cluster/fake-leases.ts'
import { HttpCollector } from './http-collector.ts'

/** Alert servers that agree by one lease in memory and tell one webhook, the receiver `r`. `close` ends all and removes their folder. */
export class ServerGroup {
  readonly folder = mkdtempSync(join(tmpdir(), 'binnacle-alert-servers-'))
  readonly leases = new FakeLeases()
  readonly collector = new HttpCollector()
  readonly members = new Map<string, ClusteredAlerts>()
  readonly #base: { readonly clock: Clock; readonly leaseDurationMs: number }

  constructor(base: { readonly clock: Clock; readonly leaseDurationMs: number }) {
    this.#base = base
  }

  /** Before the first server: where alerts go. */
  async open(route: string, otherReceivers: readonly string[] = []): Promise<void> {
    await this.collector.start()
    const receivers = [`{name: r, webhook_configs: [{url: '${this.collector.url}/'}]}`, ...otherReceivers]
    writeFileSync(join(this.folder, 'am.yml'), `route: ${route}\nreceivers: [${receivers.join(', ')}]\n`)
  }

  async start(name: string, more: Partial<ClusteredAlertsOptions> = {}): Promise<ClusteredAlerts> {
    const member = createClusteredAlerts({
      window: new FakeWindow(),
      random: systemRandom,
      log: silentLog,
      dataDir: join(this.folder, name),
      rulesFiles: [],
      configFile: join(this.folder, 'am.yml'),
      http: { host: '127.0.0.1', port: 0 },
      externalUrl: 'http://x',
      name,
      peers: { host: '127.0.0.1', port: 0 },
      leases: this.leases.for(name),
      ...this.#base,
      ...more,
    })
    this.members.set(name, member)
    await member.start()
    return member
  }

  async stop(name: string): Promise<void> {
    await this.members.get(name)!.stop()
    this.members.delete(name)
  }

  /** As a killed process: the lease stays as it is. */
  async kill(name: string): Promise<void> {
    this.leases.cutOff(name)
    await this.stop(name)
  }

  async close(): Promise<void> {
    await Promise.all([...this.members.values()].map((member) => member.stop()))
    await this.collector.stop()
    rmSync(this.folder, { recursive: true, force: true })
  }
}

/** Asks a server's API; with a body it is posted. */
export async function callServer(member: ClusteredAlerts, path: string, body?: unknown): Promise<{ status: number; body: unknown }> {
  const given = body === undefined ? {} : { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
  const response = await fetch(`http://${member.address}${path}`, given)
  const text = await response.text()
  return { status: response.status, body: text === '' ? '' : (JSON.parse(text) as unknown) }
}
