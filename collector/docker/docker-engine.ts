import type Docker from 'dockerode'
import type { ContainerInspectInfo } from 'dockerode'
import { loadDockerode } from '../../lib/dockerode.ts'

/** What the collector reads of Docker's inspection of a container. */
export interface DockerInspection {
  readonly id: string
  /** Without the leading slash. */
  readonly name: string
  readonly image: string
  readonly labels: Readonly<Record<string, string>>
  /** The environment variables that `exposedEnv` allows, by name in lower case; absent where there are none. */
  readonly envs?: Readonly<Record<string, string>>
  readonly isRunning: boolean
  readonly pid: number
  readonly createdMs: number
  readonly startedMs: number
  readonly networkMode: string
  readonly cgroupParent: string
  readonly health: 'healthy' | 'unhealthy' | 'starting' | undefined
  readonly layerPath: string | undefined
  readonly logPath: string | undefined
}

/** One of Docker's container events. */
export interface DockerEvent {
  /** `start`, `die`, `destroy`, `rename`, `update`, `oom`, `health_status: healthy`, … */
  readonly action: string
  readonly containerId: string
  /** Of the first process, where the action is `die`. */
  readonly exitCode?: number
  /** The container's labels, with its `name` and `image`. */
  readonly attributes?: Readonly<Record<string, string>>
}

/** A container of Docker's list, which has those that have ended, too. */
export interface ListedDockerContainer {
  readonly id: string
  readonly name: string
  readonly image: string
  readonly labels: Readonly<Record<string, string>>
  readonly isRunning: boolean
}

/** Docker as a whole. */
export interface DockerInfo {
  readonly version: string
  readonly apiVersion: string
  readonly rootDir: string
  readonly storageDriver: string
}

/** What the collector needs of a Docker engine. Every call rejects when the engine doesn't answer. */
export interface DockerEngine {
  info(): Promise<DockerInfo>
  /** Ids of the running containers. */
  running(): Promise<readonly string[]>
  /** All containers, those that have ended, too. */
  all(): Promise<readonly ListedDockerContainer[]>
  /** A container, or `undefined` when it no longer exists. */
  inspect(id: string): Promise<DockerInspection | undefined>
  /** Container events from now on, one after the other. `onEnd` is called once, when the stream ends for any reason; abort ends it. */
  events(handlers: { onEvent: (event: DockerEvent) => void; onEnd: () => void }, signal: AbortSignal): Promise<void>
}

/** Where the engine listens: a socket path, or a `unix://`, `tcp://`, `http://` or `https://` address. */
export type DockerAddress = { readonly socket: string } | { readonly url: string }

const requestTimeoutMs = 10_000

/** A Docker engine through dockerode. Of containers' environment only variables whose name starts with one of `exposedEnv` are taken in. */
export function connectDocker(address: DockerAddress, exposedEnv: readonly string[] = []): DockerEngine {
  const Dockerode = loadDockerode()
  const docker = new Dockerode({ ...connectionOptions(address), timeout: requestTimeoutMs })
  // The stream of events may be silent for hours, which a timeout would take for a failure.
  const streaming = new Dockerode(connectionOptions(address))
  return {
    info: async () => {
      const [version, info] = await Promise.all([docker.version(), docker.info() as Promise<Record<string, unknown>>])
      return {
        version: version.Version,
        apiVersion: version.ApiVersion,
        rootDir: textOf(info['DockerRootDir']),
        storageDriver: textOf(info['Driver']),
      }
    },
    running: async () => (await docker.listContainers()).map(({ Id }) => Id),
    all: async () =>
      (await docker.listContainers({ all: true })).map(({ Id, Names, Image, Labels, State }) => ({
        id: Id,
        name: (Names?.[0] ?? Id).replace(/^\//, ''),
        image: Image,
        labels: Labels ?? {},
        isRunning: State === 'running' || State === 'paused' || State === 'restarting',
      })),
    inspect: async (id) => {
      try {
        return toInspection(await docker.getContainer(id).inspect(), exposedEnv)
      } catch (error) {
        if (isNotFound(error)) return undefined
        throw error
      }
    },
    events: (handlers, signal) => followEvents(streaming, handlers, signal),
  }
}

function connectionOptions(address: DockerAddress): Docker.DockerOptions {
  if ('socket' in address) return onSocket(address.socket)
  const url = new URL(address.url)
  if (url.protocol === 'unix:') return onSocket(url.pathname)
  const protocol = url.protocol === 'https:' ? 'https' : 'http'
  return { host: url.hostname, port: url.port === '' ? 2375 : Number(url.port), protocol }
}

/** dockerode mixes DOCKER_HOST of the environment into its options, and a host there would win over the socket. */
function onSocket(socketPath: string): Docker.DockerOptions {
  return { socketPath, host: undefined, port: undefined }
}

/** A line longer than this is no event. */
const maxLineBytes = 1024 * 1024

async function followEvents(
  docker: Docker,
  handlers: { onEvent: (event: DockerEvent) => void; onEnd: () => void },
  signal: AbortSignal,
): Promise<void> {
  const stream = await docker.getEvents({ filters: { type: ['container'] }, abortSignal: signal })
  let rest = ''
  let hasEnded = false
  const end = () => {
    if (hasEnded) return
    hasEnded = true
    if ('destroy' in stream && typeof stream.destroy === 'function') stream.destroy()
    handlers.onEnd()
  }
  stream.setEncoding('utf8')
  stream.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() ?? ''
    if (rest.length > maxLineBytes) return end()
    for (const line of lines) {
      const event = parseEvent(line)
      if (event !== undefined) handlers.onEvent(event)
    }
  })
  stream.on('error', end)
  stream.on('end', end)
  stream.on('close', end)
  signal.addEventListener('abort', end, { once: true })
}

/** A line of the event stream; `undefined` for what is no container event. */
export function parseEvent(line: string): DockerEvent | undefined {
  let parsed: unknown
  try {
    parsed = JSON.parse(line)
  } catch {
    return undefined
  }
  if (typeof parsed !== 'object' || parsed === null) return undefined
  const { Type, Action, Actor } = parsed as {
    Type?: unknown
    Action?: unknown
    Actor?: { ID?: unknown; Attributes?: Readonly<Record<string, unknown>> | null }
  }
  if (Type !== 'container' || typeof Action !== 'string' || typeof Actor?.ID !== 'string') return undefined
  const attributes = Actor.Attributes == null ? undefined : textsOf(Actor.Attributes)
  const exitCode = Number(Actor.Attributes?.exitCode ?? Number.NaN)
  return {
    action: Action,
    containerId: Actor.ID,
    ...(Number.isInteger(exitCode) ? { exitCode } : {}),
    ...(attributes === undefined ? {} : { attributes }),
  }
}

function textsOf(values: Readonly<Record<string, unknown>>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).filter((entry): entry is [string, string] => typeof entry[1] === 'string'))
}

function toInspection(info: ContainerInspectInfo, exposedEnv: readonly string[]): DockerInspection {
  const envs = exposedOf(info.Config.Env ?? [], exposedEnv)
  const { State: state, HostConfig: host, GraphDriver: graph } = info
  const health = state.Health?.Status
  return {
    id: info.Id,
    name: info.Name.replace(/^\//, ''),
    image: info.Config.Image,
    labels: info.Config.Labels ?? {},
    ...(envs === undefined ? {} : { envs }),
    isRunning: state.Running,
    pid: state.Pid,
    createdMs: millisecondsOf(info.Created),
    startedMs: millisecondsOf(state.StartedAt),
    networkMode: host.NetworkMode ?? '',
    cgroupParent: host.CgroupParent ?? '',
    health: health === 'healthy' || health === 'unhealthy' || health === 'starting' ? health : undefined,
    layerPath: (graph?.Data as Record<string, string> | null)?.['UpperDir'],
    logPath: info.LogPath === '' ? undefined : info.LogPath,
  }
}

/** `NAME=value` entries whose name starts with an allowed text, as upstream names them; secrets live in the rest. */
export function exposedOf(entries: readonly string[], allowed: readonly string[]): Record<string, string> | undefined {
  const shown = entries
    .map((entry) => ({ name: entry.split('=', 1)[0]!, entry }))
    .filter(({ name, entry }) => name.length < entry.length && allowed.some((start) => start !== '' && name.startsWith(start)))
  if (shown.length === 0) return undefined
  return Object.fromEntries(shown.map(({ name, entry }) => [name.toLowerCase(), entry.slice(name.length + 1)]))
}

function millisecondsOf(text: string): number {
  const ms = Date.parse(text)
  return Number.isNaN(ms) || ms < 0 ? 0 : ms
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function isNotFound(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'statusCode' in error && error.statusCode === 404
}
