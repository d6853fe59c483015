import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseDuration } from '../../../lib/duration.ts'
import type { Clock } from '../../../lib/clock.ts'
import type { Log } from '../../../lib/log.ts'
import type { RegistryCredentials } from '../runtime/runtime.ts'

/** Who knows credentials for images that no pull secret knows. Never rejects: without credentials the registry says what it thinks. */
export interface CredentialProviders {
  credentialsFor(image: string): Promise<RegistryCredentials | undefined>
}

/** One program of the kubelet's credential provider interface. */
interface Provider {
  readonly name: string
  readonly matchImages: readonly string[]
  readonly defaultCacheMs: number
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

interface Answer {
  readonly kind?: string
  readonly cacheKeyType?: string
  readonly cacheDuration?: string
  readonly auth?: Readonly<Record<string, { readonly username?: string; readonly password?: string }>>
}

export interface CredentialProvidersOptions {
  /** A file of kind CredentialProviderConfig, in YAML or JSON. */
  readonly configPath: string
  readonly binDir: string
  /** What programs find in their environment beside what the file gives them. */
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly clock: Clock
  readonly log: Log
}

const configVersion = 'kubelet.config.k8s.io/v1'
const requestVersion = 'credentialprovider.kubelet.k8s.io/v1'
const programTimeoutMs = 60_000
const maxAnswerBytes = 1024 * 1024
const maxCached = 1000

/** Reads the file of providers. Rejects with what is wrong in it. */
export async function openCredentialProviders(options: CredentialProvidersOptions): Promise<CredentialProviders> {
  // Loaded only where there is a file to read.
  const { parse } = await import('yaml')
  const providers = providersIn(parse(await readFile(options.configPath, 'utf8')), options.configPath)
  return new Providers(providers, options)
}

class Providers implements CredentialProviders {
  readonly #providers: readonly Provider[]
  readonly #options: CredentialProvidersOptions
  readonly #cache = new Map<string, { readonly answer: Answer; readonly untilMs: number }>()

  constructor(providers: readonly Provider[], options: CredentialProvidersOptions) {
    this.#providers = providers
    this.#options = options
  }

  async credentialsFor(image: string): Promise<RegistryCredentials | undefined> {
    for (const provider of this.#providers) {
      if (!provider.matchImages.some((pattern) => matchesImage(pattern, image))) continue
      try {
        const found = credentialsIn(await this.#answer(provider, image), image)
        if (found !== undefined) return found
      } catch (error) {
        this.#options.log.warn({ provider: provider.name, err: error }, 'a credential provider failed')
      }
    }
    return undefined
  }

  async #answer(provider: Provider, image: string): Promise<Answer> {
    const nowMs = this.#options.clock.now()
    const keys = [`${provider.name} ${image}`, `${provider.name} ${hostOf(image)}`, provider.name]
    for (const key of keys) {
      const kept = this.#cache.get(key)
      if (kept !== undefined && nowMs < kept.untilMs) return kept.answer
    }
    const answer = await this.#run(provider, image)
    const durationMs = answer.cacheDuration === undefined ? provider.defaultCacheMs : (parseDuration(answer.cacheDuration) ?? 0)
    const key = keys[['Image', 'Registry', 'Global'].indexOf(answer.cacheKeyType ?? '')]
    if (key === undefined) throw new Error(`provider ${provider.name} answered cacheKeyType ${JSON.stringify(answer.cacheKeyType)}`)
    if (this.#cache.size >= maxCached) this.#cache.clear()
    if (durationMs > 0) this.#cache.set(key, { answer, untilMs: nowMs + durationMs })
    return answer
  }

  #run({ name, args, env }: Provider, image: string): Promise<Answer> {
    const { binDir, environment } = this.#options
    return new Promise((resolve, reject) => {
      const options = { env: { ...environment, ...env }, timeout: programTimeoutMs, maxBuffer: maxAnswerBytes }
      const child = execFile(join(binDir, name), [...args], options, (error, stdout) => {
        // What it printed may have secrets in it.
        if (error !== null) return reject(new Error(`${name} ended with ${error.code ?? error.signal ?? 'an error'}`))
        try {
          const answer = JSON.parse(stdout) as Answer
          if (answer.kind !== 'CredentialProviderResponse') throw new Error('its kind is another')
          resolve(answer)
        } catch {
          reject(new Error(`${name} did not answer a CredentialProviderResponse`))
        }
      })
      child.stdin?.on('error', () => {})
      child.stdin?.end(JSON.stringify({ apiVersion: requestVersion, kind: 'CredentialProviderRequest', image }))
    })
  }
}

/** The entry of an answer that is most exactly the image's. */
function credentialsIn({ auth = {} }: Answer, image: string): RegistryCredentials | undefined {
  const patterns = Object.keys(auth).sort().reverse()
  const pattern = patterns.find((each) => matchesImage(each, image))
  if (pattern === undefined) return undefined
  const { username = '', password = '' } = auth[pattern]!
  return { username, password, serverAddress: hostOf(image) }
}

const hostOf = (image: string) => {
  const first = image.split('/')[0]!
  return image.includes('/') && /[.:]|^localhost$/.test(first) ? first : 'docker.io'
}

/** As the kubelet's `URLsMatchStr`: as many parts of the host, `*` within each; the same port where one is named; a prefix of the path. */
export function matchesImage(pattern: string, image: string): boolean {
  const [wanted, has] = [pattern.replace(/^https?:\/\//, ''), image.startsWith(`${hostOf(image)}/`) ? image : `docker.io/${image}`]
  const [wantedHost = '', ...wantedPath] = wanted.split('/')
  const [host = '', ...path] = has.split('/')
  const [wantedName = '', wantedPort] = wantedHost.split(':')
  const [name = '', port] = host.split(':')
  if (wantedPort !== undefined && wantedPort !== port) return false
  const [wantedParts, parts] = [wantedName.split('.'), name.split('.')]
  if (wantedParts.length !== parts.length || !wantedParts.every((part, index) => globs(part, parts[index]!))) return false
  return path.join('/').startsWith(wantedPath.join('/'))
}

function globs(pattern: string, text: string): boolean {
  const [first = '', ...rest] = pattern.split('*')
  if (rest.length === 0) return pattern === text
  let at = first.length
  if (!text.startsWith(first)) return false
  const last = rest.pop()!
  for (const part of rest) {
    const found = text.indexOf(part, at)
    if (found < 0) return false
    at = found + part.length
  }
  return text.length - last.length >= at && text.endsWith(last)
}

function providersIn(document: unknown, path: string): readonly Provider[] {
  const { apiVersion, kind, providers } = (document ?? {}) as Record<string, unknown>
  const wrong = (what: string) => new RangeError(`${path}: ${what}`)
  if (kind !== 'CredentialProviderConfig' || apiVersion !== configVersion)
    throw wrong(`needed is kind CredentialProviderConfig of ${configVersion}`)
  if (!Array.isArray(providers) || providers.length === 0) throw wrong('providers: at least one is needed')
  return providers.map((each: unknown, index) => {
    const at = `providers[${index}]`
    const {
      name,
      matchImages,
      defaultCacheDuration,
      apiVersion: version,
      args = [],
      env = [],
      tokenAttributes,
    } = (each ?? {}) as Record<string, unknown>
    if (typeof name !== 'string' || !/^[^\s/]+$/.test(name) || name === '.' || name === '..')
      throw wrong(`${at}.name: ${JSON.stringify(name)} is not the name of a file`)
    if (!isTexts(matchImages) || matchImages.length === 0) throw wrong(`${at}.matchImages: at least one is needed`)
    const defaultCacheMs = typeof defaultCacheDuration === 'string' ? parseDuration(defaultCacheDuration) : undefined
    if (defaultCacheMs === undefined)
      throw wrong(`${at}.defaultCacheDuration: ${JSON.stringify(defaultCacheDuration)} is not a duration such as 12h`)
    if (version !== requestVersion) throw wrong(`${at}.apiVersion: only ${requestVersion} is spoken`)
    if (tokenAttributes !== undefined) throw wrong(`${at}.tokenAttributes: tokens of service accounts are not given to providers here`)
    if (!isTexts(args) || !Array.isArray(env)) throw wrong(`${at}: args and env are lists`)
    return {
      name,
      matchImages,
      defaultCacheMs,
      args,
      env: Object.fromEntries((env as { name: string; value: string }[]).map((one) => [one.name, one.value])),
    }
  })
}

const isTexts = (value: unknown): value is string[] => Array.isArray(value) && value.every((each) => typeof each === 'string')
