import { request as httpsRequest } from 'node:https'
import { connect } from 'node:net'
import { httpRequest } from '../../../lib/http.ts'
import type { Clock } from '../../../lib/clock.ts'
import type {
  CoreV1Container,
  CoreV1ExecAction,
  CoreV1GRPCAction,
  CoreV1HTTPGetAction,
  CoreV1TCPSocketAction,
} from '../../api/generated/kinds.ts'
import { resolvePort } from '../../api/int-or-string.ts'
import type { ContainerRuntime } from '../runtime/runtime.ts'
import { checkGrpcHealth } from './grpc-health.ts'

/** One look at a container: did it pass, and what it said. */
export interface ProbeOutcome {
  readonly isSuccess: boolean
  readonly output: string
}

/** What a probe or a hook does. Exactly one is set. */
export interface ProbeHandler {
  readonly exec?: CoreV1ExecAction
  readonly httpGet?: CoreV1HTTPGetAction
  readonly tcpSocket?: CoreV1TCPSocketAction
  readonly grpc?: CoreV1GRPCAction
}

/** The container that is looked at. */
export interface ProbeTarget {
  readonly containerId: string
  readonly container: CoreV1Container
  readonly podIp: string
}

/** Never rejects: what goes wrong is an outcome. */
export interface ProbeExecutor {
  run(target: ProbeTarget, handler: ProbeHandler, timeoutMs: number): Promise<ProbeOutcome>
}

/** What is kept of an answer, as in the kubelet. */
const maxBodyBytes = 10 * 1024
const userAgent = 'kube-probe/1.35'

/** Looks at containers for real. */
export function createProbeExecutor({
  runtime,
  clock,
}: {
  readonly runtime: Pick<ContainerRuntime, 'execSync'>
  readonly clock: Clock
}): ProbeExecutor {
  return {
    run: async (target, handler, timeoutMs) => {
      try {
        if (handler.exec !== undefined) return await probeExec(runtime, target, handler.exec, timeoutMs)
        if (handler.httpGet !== undefined) return await probeHttp(clock, target, handler.httpGet, timeoutMs)
        if (handler.tcpSocket !== undefined) return await probeTcp(clock, target, handler.tcpSocket, timeoutMs)
        if (handler.grpc !== undefined) return await checkGrpcHealth({ clock, host: target.podIp, timeoutMs, ...handler.grpc })
        return { isSuccess: false, output: 'missing probe handler' }
      } catch (error) {
        return { isSuccess: false, output: (error as Error).message }
      }
    },
  }
}

/** For containers that are not processes: everything is well. */
export const alwaysHealthy: ProbeExecutor = { run: async () => ({ isSuccess: true, output: '' }) }

async function probeExec(
  runtime: Pick<ContainerRuntime, 'execSync'>,
  target: ProbeTarget,
  action: CoreV1ExecAction,
  timeoutMs: number,
): Promise<ProbeOutcome> {
  const { exitCode, output } = await runtime.execSync(target.containerId, action.command ?? [], timeoutMs)
  return { isSuccess: exitCode === 0, output }
}

function probeHttp(clock: Clock, target: ProbeTarget, action: CoreV1HTTPGetAction, timeoutMs: number): Promise<ProbeOutcome> {
  const port = resolvePort(action.port, target.container.ports ?? [])
  if (port === undefined)
    return Promise.resolve({ isSuccess: false, output: `couldn't find port: ${action.port} in container ${target.container.name}` })
  const host = action.host === undefined || action.host === '' ? target.podIp : action.host
  const scheme = (action.scheme ?? 'HTTP').toLowerCase()
  const path = action.path === undefined || action.path === '' ? '/' : action.path.startsWith('/') ? action.path : `/${action.path}`
  const url = `${scheme}://${host}:${port}${path}`
  const headers: Record<string, string> = { 'user-agent': userAgent, accept: '*/*' }
  for (const { name, value } of action.httpHeaders ?? []) headers[name.toLowerCase()] = value
  const failed = (why: string): ProbeOutcome => ({ isSuccess: false, output: `Get "${url}": ${why}` })
  return new Promise((resolve) => {
    const send = scheme === 'https' ? httpsRequest : httpRequest
    const request = send(
      { host, port, path, method: 'GET', headers, agent: false, ...(scheme === 'https' ? { rejectUnauthorized: false } : {}) },
      (response) => {
        const status = response.statusCode ?? 0
        let body = ''
        response.on('data', (chunk: Buffer) => {
          if (body.length < maxBodyBytes) body += chunk.toString('utf8', 0, maxBodyBytes - body.length)
          else response.destroy()
        })
        response.on('error', () => {})
        response.once('close', () => {
          timer.cancel()
          resolve(
            status >= 200 && status < 400
              ? { isSuccess: true, output: body }
              : { isSuccess: false, output: `HTTP probe failed with statuscode: ${status}` },
          )
        })
      },
    )
    const timer = clock.setTimer(timeoutMs, () => {
      resolve(failed('context deadline exceeded (Client.Timeout exceeded while awaiting headers)'))
      request.destroy()
    })
    request.once('error', (error) => {
      timer.cancel()
      resolve(failed(dialError(error, host, port)))
    })
    request.on('error', () => {})
    request.end()
  })
}

function probeTcp(clock: Clock, target: ProbeTarget, action: CoreV1TCPSocketAction, timeoutMs: number): Promise<ProbeOutcome> {
  const port = resolvePort(action.port, target.container.ports ?? [])
  if (port === undefined)
    return Promise.resolve({ isSuccess: false, output: `couldn't find port: ${action.port} in container ${target.container.name}` })
  const host = action.host === undefined || action.host === '' ? target.podIp : action.host
  return new Promise((resolve) => {
    const socket = connect({ host, port })
    const finish = (outcome: ProbeOutcome) => {
      timer.cancel()
      socket.destroy()
      resolve(outcome)
    }
    const timer = clock.setTimer(timeoutMs, () => finish({ isSuccess: false, output: `dial tcp ${host}:${port}: i/o timeout` }))
    socket.once('connect', () => finish({ isSuccess: true, output: '' }))
    socket.once('error', (error) => finish({ isSuccess: false, output: dialError(error, host, port) }))
    socket.on('error', () => {})
  })
}

const goWords: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connect: connection refused',
  EHOSTUNREACH: 'connect: no route to host',
  ENETUNREACH: 'connect: network is unreachable',
  ETIMEDOUT: 'i/o timeout',
}

/** Clients and people know these messages in the words of the Go library. */
export function dialError(error: Error, host: string, port: number): string {
  const { code } = error as { code?: string }
  const words = code === undefined ? undefined : goWords[code]
  if (words !== undefined) return `dial tcp ${host}:${port}: ${words}`
  return code === 'ECONNRESET' ? 'EOF' : error.message
}
