import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { httpRequest } from '../../lib/http.ts'
import { identifyProcess } from '../../lib/process-identity.ts'
import type { ProcessSpec } from '../../lib/supervision.ts'
import type { DataFolder } from '../data-folder.ts'
import { unmountIn } from '../mounts.ts'

const pingTimeoutMs = 3000

/** The engine's version, or `undefined` if none answers within three seconds. Asked without a client library: the supervisor stays small. */
export function dockerVersion(url: string): Promise<string | undefined> {
  const { hostname, port } = new URL(url.startsWith('unix://') ? 'http://docker' : url.replace(/^tcp:/, 'http:'))
  const target = url.startsWith('unix://') ? { socketPath: url.slice('unix://'.length) } : { host: hostname, port }
  return new Promise((resolve) => {
    const sent = httpRequest({ ...target, path: '/version', timeout: pingTimeoutMs, agent: false }, (response) => {
      let text = ''
      response.on('data', (chunk: Buffer) => (text += chunk.toString()))
      response.on('end', () => resolve(versionOf(text)))
      response.on('error', () => resolve(undefined))
    })
    sent.on('timeout', () => sent.destroy())
    sent.on('error', () => resolve(undefined))
    sent.on('close', () => resolve(undefined))
    sent.end()
  })
}

function versionOf(text: string): string | undefined {
  try {
    const { Version: version } = JSON.parse(text) as { readonly Version?: unknown }
    return typeof version === 'string' ? version : undefined
  } catch {
    return undefined
  }
}

/**
 * The engine that is started where none answers. Containers outlive it (`--live-restore`), so that its crash disturbs no pod; their logs
 * rotate. Its data is the cluster's own. A second engine of a host keeps its hands off the first one's bridge, packet filter and containers.
 */
export function dockerEngineSpec(options: {
  readonly folder: DataFolder
  readonly program: string
  readonly url: string
  /** Another engine runs on this host. */
  readonly isSecond: boolean
}): ProcessSpec {
  const { folder, program, url, isSecond } = options
  const runFolder = engineFolder(folder)
  const name = containerdNamespaceOf(folder)
  return {
    name: 'dockerd',
    command: program,
    args: [
      `--host=${url}`,
      `--data-root=${folder.path('docker')}`,
      `--exec-root=${runFolder}/docker`,
      // The data folder has one owner at a time, and the number in the file of a killed engine may be another process's by now.
      '--pidfile=',
      `--containerd-namespace=${name}`,
      `--containerd-plugins-namespace=${name}-plugins`,
      '--live-restore',
      '--log-driver=json-file',
      '--log-opt=max-size=10m',
      '--log-opt=max-file=3',
      ...(isSecond ? [`--bridge=${engineBridgeOf(folder)}`, '--iptables=false'] : []),
    ],
    logFile: folder.logFile('dockerd'),
    prepare: () => {
      if (url.startsWith('unix://')) mkdirSync(dirname(url.slice('unix://'.length)), { recursive: true })
      if (isSecond) makeEngineBridge(folder)
      removeStaleProcessNumber(`${runFolder}/docker/containerd/containerd.pid`)
    },
    readiness: async () => (await dockerVersion(url)) !== undefined,
    stopTimeoutMs: 30_000,
  }
}

/** What containerd, and each of its shims, knows the containers of the cluster's own engine under. */
export const containerdNamespaceOf = (folder: DataFolder) => `binnacle-${folder.clusterId}`

/** Addresses of a second engine's default bridge, on which none of our containers is. */
const engineBridgeAddress = '169.254.231.1/30'

/** A default bridge of a second engine's own: without one it would take, or with `--bridge=none` remove, the first engine's. */
function makeEngineBridge(folder: DataFolder): void {
  const bridge = engineBridgeOf(folder)
  spawnSync('ip', ['link', 'add', 'name', bridge, 'type', 'bridge'], { stdio: 'ignore' })
  spawnSync('ip', ['address', 'replace', engineBridgeAddress, 'dev', bridge], { stdio: 'ignore' })
}

/**
 * containerd ends with its engine. Where nothing collects the dead, as in a container whose first process is no init, its number stays taken
 * and the next engine would wait for it in vain.
 */
function removeStaleProcessNumber(file: string): void {
  if (!existsSync(file)) return
  if (identifyProcess(Number(readFileSync(file, 'utf8'))) === undefined) rmSync(file)
}

const engineBridgeOf = (folder: DataFolder) => `bnd-${folder.clusterId}`

/** The bridges that an engine may end without removing: that of the pods' network, and its own. */
export const engineBridgesOf = (folder: DataFolder) => [`bnc-${folder.clusterId}`, engineBridgeOf(folder)]

/** Removes what an engine of the cluster's own keeps while it runs, and the mounts that one leaves when it is killed. To be called after its end. */
export function removeEngineFolder(folder: DataFolder): void {
  for (const root of [folder.path('docker'), engineFolder(folder)]) unmountIn(root)
  rmSync(engineFolder(folder), { recursive: true, force: true })
}

/** Its sockets: short, since the path of a socket has little room. */
function engineFolder(folder: DataFolder): string {
  return `/run/binnacle-${folder.clusterId}`
}
