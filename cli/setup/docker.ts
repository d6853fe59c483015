import Docker from 'dockerode'
import type { ProcessSpec } from '../../lib/supervision.ts'
import type { DataFolder } from '../data-folder.ts'

/** A `dockerode` client of `unix:///path`, `tcp://host:port` or `http(s)://host:port`. */
export function connectDocker(url: string, timeoutMs?: number): Docker {
  const timeout = timeoutMs === undefined ? {} : { timeout: timeoutMs }
  if (url.startsWith('unix://')) return new Docker({ socketPath: url.slice('unix://'.length), ...timeout })
  const { protocol, hostname, port } = new URL(url.replace(/^tcp:/, 'http:'))
  return new Docker({
    protocol: protocol === 'https:' ? 'https' : 'http',
    host: hostname,
    port: Number(port === '' ? 2375 : port),
    ...timeout,
  })
}

const pingTimeoutMs = 3000

/** The engine's version, or `undefined` if none answers within three seconds. */
export async function dockerVersion(url: string): Promise<string | undefined> {
  try {
    return (await connectDocker(url, pingTimeoutMs).version()).Version
  } catch {
    return undefined
  }
}

/**
 * The engine that is started where none answers. Containers outlive it (`--live-restore`), so that its crash disturbs no pod; their logs
 * rotate. Its data is the cluster's own.
 */
export function dockerEngineSpec(options: { readonly folder: DataFolder; readonly program: string; readonly url: string }): ProcessSpec {
  const { folder, program, url } = options
  const runFolder = `/run/binnacle-${folder.clusterId}`
  return {
    name: 'dockerd',
    command: program,
    args: [
      `--host=${url}`,
      `--data-root=${folder.path('docker')}`,
      `--exec-root=${runFolder}/docker`,
      `--pidfile=${runFolder}/docker.pid`,
      '--live-restore',
      '--log-driver=json-file',
      '--log-opt=max-size=10m',
      '--log-opt=max-file=3',
    ],
    logFile: folder.logFile('dockerd'),
    readiness: async () => (await dockerVersion(url)) !== undefined,
    stopTimeoutMs: 30_000,
  }
}
