import { Agent as HttpsAgent } from 'node:https'
import { createSecureContext } from 'node:tls'
import { HttpAgent } from '../../lib/http.ts'
import type { Clock } from '../../lib/clock.ts'
import { WatchedFile } from '../../lib/watched-file.ts'
import type { KubeletSettings } from '../configuration.ts'
import { ScrapeError } from './scrape-error.ts'
import type { ScrapeStage } from './scrape-error.ts'

/** Credentials towards kubelets, PEM. What the settings name files for is taken from those. */
export interface KubeletCredentials {
  readonly cert?: string
  readonly key?: string
  /** The authority of the kubelets' serving certificates; the machine's where absent. */
  readonly ca?: string
  /** A bearer token, or what answers the current one. */
  readonly token?: string | (() => string)
}

/** What a request to a kubelet is sent with. */
export interface KubeletConnection {
  readonly agent: HttpAgent
  readonly headers: Readonly<Record<string, string>>
}

export interface KubeletAccessOptions {
  readonly credentials: KubeletCredentials
  readonly settings: KubeletSettings
  readonly clock: Clock
}

type FileSetting = 'certificateAuthority' | 'clientCertificate' | 'clientKey' | 'tokenFile'

/** Keeps one connection per node open, and makes new ones with new credentials when a file of theirs was replaced. */
export class KubeletAccess {
  readonly #options: KubeletAccessOptions
  readonly #files = new Map<FileSetting, WatchedFile>()
  #agent: HttpAgent | undefined
  #madeOf: readonly (string | undefined)[] = []

  constructor(options: KubeletAccessOptions) {
    this.#options = options
    for (const setting of ['certificateAuthority', 'clientCertificate', 'clientKey', 'tokenFile'] as const) {
      const path = options.settings[setting]
      if (path !== undefined) this.#files.set(setting, new WatchedFile(path, options.clock))
    }
  }

  /** Throws a `ScrapeError` when a file cannot be read. */
  connect(): KubeletConnection {
    const { credentials } = this.#options
    const given = typeof credentials.token === 'function' ? credentials.token() : credentials.token
    const token = this.#read('tokenFile', 'authentication')?.trim() ?? given
    const headers: Record<string, string> = token === undefined || token === '' ? {} : { authorization: `Bearer ${token}` }
    return { agent: this.#currentAgent(), headers }
  }

  close(): void {
    this.#agent?.destroy()
  }

  #currentAgent(): HttpAgent {
    const { credentials, settings } = this.#options
    const ca = this.#read('certificateAuthority', 'tls') ?? credentials.ca
    const cert = this.#read('clientCertificate', 'tls') ?? credentials.cert
    const key = this.#read('clientKey', 'tls') ?? credentials.key
    const parts = [ca, cert, key]
    if (this.#agent !== undefined && parts.every((part, index) => part === this.#madeOf[index])) return this.#agent
    this.#agent?.destroy()
    this.#agent = settings.scheme === 'http' ? new HttpAgent({ keepAlive: true }) : this.#secureAgent({ ca, cert, key })
    this.#madeOf = parts
    return this.#agent
  }

  #secureAgent(pem: Readonly<Record<'ca' | 'cert' | 'key', string | undefined>>): HttpsAgent {
    const present = Object.fromEntries(Object.entries(pem).filter(([, text]) => text !== undefined))
    try {
      // Made once: reading the certificates anew for each connection costs more than the handshake.
      const secureContext = createSecureContext(present)
      const rejectUnauthorized = !this.#options.settings.insecureSkipTlsVerify
      return new HttpsAgent({ keepAlive: true, secureContext, rejectUnauthorized, maxCachedSessions: 0 })
    } catch (error) {
      throw new ScrapeError('tls', `the credentials for nodes cannot be used: ${(error as Error).message}`, { cause: error })
    }
  }

  #read(setting: FileSetting, stage: ScrapeStage): string | undefined {
    try {
      return this.#files.get(setting)?.read()
    } catch (error) {
      throw new ScrapeError(stage, `sources.kubelet.${setting}: ${(error as Error).message}`, { cause: error })
    }
  }
}
