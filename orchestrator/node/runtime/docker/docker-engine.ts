import { inspect } from 'node:util'
import type Docker from 'dockerode'
import { HttpAgent } from '../../../../lib/http.ts'
import { loadDockerode } from '../../../../lib/dockerode.ts'
import { RuntimeError, RuntimeUnavailableError } from '../runtime.ts'

/** Where a Docker engine answers: `unix:///var/run/docker.sock`, `tcp://host:2375` or `http://host:2375`. */
export function connectToDocker(url: string): Docker {
  const engine = parseDockerUrl(url)
  // Every field is given, since the library fills what is absent from the process environment.
  const Engine = loadDockerode()
  return new Engine({
    protocol: 'http',
    host: undefined,
    port: undefined,
    ca: undefined,
    cert: undefined,
    key: undefined,
    ...engine,
    agent: new TersePool({
      keepAlive: true,
      maxSockets: Infinity,
      maxFreeSockets: 16,
      ...(engine.socketPath === undefined ? {} : { socketPath: engine.socketPath }),
    }),
  } as Docker.DockerOptions)
}

/**
 * For its debug log the library writes out the options of each request with all that hangs on them, be there a log or not: with a hundred requests under way, every
 * one of them would cost as much as the connections of all.
 */
class TersePool extends HttpAgent {
  [inspect.custom](): string {
    return 'connections to the engine'
  }
}

/** The parts of an engine's URL; a RangeError names what is wrong with it. */
export function parseDockerUrl(url: string): { readonly socketPath?: string; readonly host?: string; readonly port?: number } {
  if (url.startsWith('unix://')) {
    const socketPath = url.slice('unix://'.length)
    if (!socketPath.startsWith('/')) throw new RangeError(`docker host "${url}": the path of a unix socket must be absolute`)
    return { socketPath }
  }
  const match = /^(?:tcp|http):\/\/(\[[0-9a-fA-F:]+\]|[\w.-]+)(?::(\d{1,5}))?\/?$/.exec(url)
  if (match === null) throw new RangeError(`docker host "${url}": must look like unix:///var/run/docker.sock or tcp://127.0.0.1:2375`)
  return { host: match[1]!.replace(/^\[|\]$/g, ''), port: Number(match[2] ?? 2375) }
}

/** What the engine said, without the client library's decoration. */
export function dockerMessage(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { json } = error as { json?: { message?: unknown } }
  if (typeof json?.message === 'string') return json.message
  return error.message.replace(/^\(HTTP code \d+\) [^-]*- /, '').trim()
}

/** Errors as the agent knows them: an answer of the engine is a `RuntimeError`, silence is a `RuntimeUnavailableError`. */
export function toRuntimeError(error: unknown): Error {
  if (error instanceof RuntimeError || error instanceof RuntimeUnavailableError) return error
  const { statusCode } = error as { statusCode?: unknown }
  const message = dockerMessage(error)
  if (typeof statusCode !== 'number') return new RuntimeUnavailableError(`cannot reach the Docker engine: ${message}`, { cause: error })
  if (statusCode === 404) return new RuntimeError('not-found', message, { cause: error })
  if (statusCode === 409 || statusCode === 304) return new RuntimeError('conflict', message, { cause: error })
  return new RuntimeError('failed', message, { cause: error })
}

/** The status code of an engine's refusal. */
export function statusCodeOf(error: unknown): number | undefined {
  const { statusCode } = (error ?? {}) as { statusCode?: unknown }
  return typeof statusCode === 'number' ? statusCode : undefined
}

/** Runs one call of the client library with its errors translated. */
export async function callDocker<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call()
  } catch (error) {
    throw toRuntimeError(error)
  }
}
