import { connect } from 'node:net'
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
import { dialError } from './dial-error.ts'
import { checkGrpcHealth } from './grpc-health.ts'
import { probeHttp } from './http-probe.ts'

/** One look at a container: did it pass, and what it said. */
export interface ProbeOutcome {
  readonly isSuccess: boolean
  readonly output: string
  /** It passed, and somebody should look at it. */
  readonly isWarning?: true
  /** What an HTTP server answered with, whatever it was. */
  readonly status?: number
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
        if (handler.httpGet !== undefined)
          return await probeHttp(clock, { ...addressOf(target, handler.httpGet), action: handler.httpGet }, timeoutMs)
        if (handler.tcpSocket !== undefined) return await probeTcp(clock, addressOf(target, handler.tcpSocket), timeoutMs)
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

/** Where a server is: the pod's own address unless another is named, a port by its number or its name. */
function addressOf(
  { container, podIp }: ProbeTarget,
  action: CoreV1HTTPGetAction | CoreV1TCPSocketAction,
): { readonly host: string; readonly port: number } {
  const port = resolvePort(action.port, container.ports ?? [])
  if (port === undefined) throw new Error(`couldn't find port: ${action.port} in container ${container.name}`)
  return { host: action.host === undefined || action.host === '' ? podIp : action.host, port }
}

function probeTcp(
  clock: Clock,
  { host, port }: { readonly host: string; readonly port: number },
  timeoutMs: number,
): Promise<ProbeOutcome> {
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
