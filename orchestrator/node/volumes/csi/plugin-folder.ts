import { mkdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../../../../lib/clock.ts'
import { openGrpcChannel } from '../../../../lib/grpc.ts'
import type { GrpcChannel } from '../../../../lib/grpc.ts'
import type { Log } from '../../../../lib/log.ts'
import { csiEndpointOf } from '../../../client/csi/csi-driver.ts'
import { registrationMethods } from '../../../client/csi/messages.ts'
import { FolderLooks } from '../../folder-looks.ts'
import type { CsiPlugins } from './csi-plugins.ts'

export interface PluginFolderOptions {
  /** Absolute path; made where it is not there. */
  readonly path: string
  readonly clock: Clock
  readonly log: Log
  readonly plugins: Pick<CsiPlugins, 'register' | 'unregister'>
}

interface Registration {
  /** Tells a socket from a later one with the same name. */
  readonly identity: string
  /** Of the driver that it has registered. */
  readonly name?: string
  readonly failures: number
  readonly retryAtMs: number
}

interface Info {
  readonly type?: string
  readonly name?: string
  readonly endpoint?: string
  readonly supportedVersions: readonly string[]
}

const settleMs = 50
const rescanMs = 30_000
const callTimeoutMs = 10_000
const firstRetryMs = 500
const lastRetryMs = 60_000
const maxSockets = 100
/** What drivers may be called, as the API has it. */
const driverName = /^[A-Za-z0-9]([A-Za-z0-9.-]{0,61}[A-Za-z0-9])?$/

/**
 * Watches a folder for the registration sockets of plug-ins, as the kubelet watches `plugins_registry`: behind each a plug-in says its name and where it listens,
 * and is told whether it was taken. A driver whose socket goes is let go. Failures are tried again for as long as the socket is there.
 */
export class PluginFolder {
  readonly #options: PluginFolderOptions
  readonly #looks: FolderLooks
  readonly #registrations = new Map<string, Registration>()

  constructor(options: PluginFolderOptions) {
    this.#options = options
    this.#looks = new FolderLooks({
      ...options,
      settleMs,
      look: (names) => this.#look(names),
      onFailure: (error) => {
        options.log.warn({ path: options.path, err: error }, 'the folder of plug-ins cannot be read')
        return rescanMs
      },
    })
  }

  /** Resolves when every plug-in that is there has been asked once. */
  async start(): Promise<void> {
    await this.#makeFolder()
    await this.#looks.start()
  }

  stop(): Promise<void> {
    return this.#looks.stop()
  }

  async #makeFolder(): Promise<void> {
    await mkdir(this.#options.path, { recursive: true, mode: 0o750 })
  }

  async #look(names: readonly string[]): Promise<number> {
    const { clock, plugins } = this.#options
    if (names.length === 0) await this.#makeFolder()
    const sockets = await this.#socketsOf(names)
    const gone = [...this.#registrations].filter(([path, { identity }]) => sockets.get(path) !== identity)
    for (const [path, { name }] of gone) {
      this.#registrations.delete(path)
      if (name !== undefined && !this.#isRegistered(name)) await plugins.unregister(name)
    }
    const nowMs = clock.monotonic()
    const due = [...sockets].filter(([path]) => (this.#registrations.get(path)?.retryAtMs ?? 0) <= nowMs)
    await Promise.all(due.map(([path, identity]) => this.#register(path, identity)))
    const dueMs = Math.min(...[...this.#registrations.values()].map(({ retryAtMs }) => retryAtMs)) - clock.monotonic()
    return Math.max(settleMs, Math.min(rescanMs, dueMs))
  }

  #isRegistered(name: string): boolean {
    return [...this.#registrations.values()].some((each) => each.name === name)
  }

  /** Which of them are sockets, each with what tells it from a later one. */
  async #socketsOf(names: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const found = new Map<string, string>()
    for (const name of names.slice(0, maxSockets)) {
      const path = join(this.#options.path, name)
      const facts = await stat(path).catch(() => undefined)
      if (facts?.isSocket() === true) found.set(path, `${facts.dev}:${facts.ino}:${facts.ctimeMs}`)
    }
    return found
  }

  async #register(socket: string, identity: string): Promise<void> {
    const { clock, log, plugins } = this.#options
    const channel = openGrpcChannel(`unix:${socket}`, clock)
    try {
      const info = (await channel.call(registrationMethods.GetInfo, {}, callTimeoutMs)) as Info
      const { name, endpoint } = checked(info, socket)
      await plugins.register(name, endpoint)
      this.#registrations.set(socket, { identity, name, failures: 0, retryAtMs: Infinity })
      await tell(channel, { pluginRegistered: true })
    } catch (error) {
      const failures = (this.#registrations.get(socket)?.failures ?? 0) + 1
      const retryAtMs = clock.monotonic() + Math.min(firstRetryMs * 2 ** (failures - 1), lastRetryMs)
      this.#registrations.set(socket, { identity, failures, retryAtMs })
      log.warn({ socket, failures, err: error }, 'a plug-in cannot be registered, will be tried again')
      await tell(channel, { pluginRegistered: false, error: (error as Error).message })
    } finally {
      channel.close()
    }
  }
}

/** What a plug-in does with the news is its own affair. */
async function tell(channel: GrpcChannel, status: { readonly pluginRegistered: boolean; readonly error?: string }): Promise<void> {
  await channel.call(registrationMethods.NotifyRegistrationStatus, status, callTimeoutMs).catch(() => {})
}

function checked(
  { type = '', name = '', endpoint = '', supportedVersions }: Info,
  socket: string,
): { readonly name: string; readonly endpoint: string } {
  if (type !== 'CSIPlugin') throw new Error(`plug-ins of type ${JSON.stringify(type)} are not known here, only CSIPlugin`)
  if (!driverName.test(name)) throw new Error(`${JSON.stringify(name)} is not the name of a driver`)
  if (!supportedVersions.some((version) => /^v?1(\.|$)/.test(version)))
    throw new Error(`driver ${name} speaks versions ${supportedVersions.join(', ')} of CSI, needed is 1.x`)
  const target = csiEndpointOf(endpoint === '' ? socket : endpoint)
  if (target === undefined) throw new Error(`endpoint ${JSON.stringify(endpoint)} of driver ${name} is not the path of a socket`)
  return { name, endpoint: target }
}
