import { join } from 'node:path'
import type { Clock } from '../../../../lib/clock.ts'
import type { Log } from '../../../../lib/log.ts'
import type { Random } from '../../../../lib/random.ts'
import { createBackoff } from '../../../../lib/retry.ts'
import type { Client } from '../../../client/client.ts'
import { openCsiDriver } from '../../../client/csi/csi-driver.ts'
import { CsiPlugins } from './csi-plugins.ts'
import { CsiVolumes } from './csi-volumes.ts'
import { PluginFolder } from './plugin-folder.ts'

export interface CsiNodeOptions {
  readonly client: Client
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly nodeName: string
  readonly dataDir: string
  /** Where plug-ins put their registration sockets. Default: `plugins_registry` in the data folder. */
  readonly pluginRegistryPath?: string
  /** Drivers that need no registration: `unix:/path` by name. */
  readonly csiEndpoints?: Readonly<Record<string, string>>
  /** A driver has come: who waits for one may try again. */
  readonly onArrival: () => void
  readonly onUseChange: () => void
}

const firstRetryMs = 500
const lastRetryMs = 30_000

/** Everything of CSI on one node: drivers that register or are named, and the volumes that they mount. */
export class CsiNode {
  readonly volumes: CsiVolumes
  readonly #options: CsiNodeOptions
  readonly #plugins: CsiPlugins
  readonly #folder: PluginFolder
  readonly #abort = new AbortController()
  #running: Promise<unknown> | undefined

  constructor(options: CsiNodeOptions) {
    const { clock, dataDir, pluginRegistryPath: path = join(dataDir, 'plugins_registry') } = options
    this.#options = options
    this.#plugins = new CsiPlugins({ ...options, open: (endpoint) => openCsiDriver(endpoint, clock) })
    this.#folder = new PluginFolder({ ...options, path, plugins: this.#plugins })
    this.volumes = new CsiVolumes({ ...options, plugins: this.#plugins })
  }

  /** Begins to look for drivers. The Node object has to be there, or to come. */
  start(): void {
    const named = Object.entries(this.#options.csiEndpoints ?? {})
    const announce = this.#untilDone('the CSINode object', () => this.#plugins.announceNode())
    this.#running = announce.then(() =>
      Promise.all([
        this.#folder
          .start()
          .catch((error: unknown) => this.#options.log.warn({ err: error }, 'CSI drivers cannot register: their folder cannot be made')),
        ...named.map(([name, endpoint]) => this.#untilDone(`CSI driver ${name}`, () => this.#registerNamed(name, endpoint))),
      ]),
    )
  }

  async stop(): Promise<void> {
    this.#abort.abort()
    await this.#running
    await this.#folder.stop()
    this.#plugins.stop()
  }

  async #registerNamed(name: string, endpoint: string): Promise<void> {
    const driver = openCsiDriver(endpoint, this.#options.clock)
    try {
      const { name: own } = await driver.call('GetPluginInfo', {})
      if (own !== name) throw new Error(`the driver at ${endpoint} is ${own}, not ${name}`)
    } finally {
      driver.close()
    }
    await this.#plugins.register(name, endpoint)
  }

  async #untilDone(what: string, act: () => Promise<void>): Promise<void> {
    const { clock, log, random } = this.#options
    const { signal } = this.#abort
    const backoff = createBackoff({ initialMs: firstRetryMs, maxMs: lastRetryMs, random })
    let failures = 0
    while (!signal.aborted) {
      try {
        return await act()
      } catch (error) {
        // The node's own object may come a moment later.
        if (!signal.aborted && ++failures > 2) log.warn({ what, failures, err: error }, 'not to be had yet, will be tried again')
      }
      await clock.sleep(backoff.next(), signal)
    }
  }
}
