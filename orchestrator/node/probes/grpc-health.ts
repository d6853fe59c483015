import type { Clock } from '../../../lib/clock.ts'
import { GrpcError, grpcStatus, openGrpcChannel } from '../../../lib/grpc.ts'
import type { UnaryMethod } from '../../../lib/grpc.ts'
import { messageCodecs } from '../../../lib/protobuf-messages.ts'
import type { ProbeOutcome } from './probe-executor.ts'

/** grpc.health.v1 by the standard protocol. */
const codec = messageCodecs(
  { Request: { service: 'string 1' }, Response: { status: 'ServingStatus 1' } },
  { ServingStatus: { UNKNOWN: 0, SERVING: 1, NOT_SERVING: 2, SERVICE_UNKNOWN: 3 } },
)
const checkPath = '/grpc.health.v1.Health/Check'

/** Asks a gRPC server for the health of a service, without TLS. Outcomes are worded as the kubelet's. */
export async function checkGrpcHealth(options: {
  readonly clock: Clock
  readonly host: string
  readonly port: number
  readonly service?: string
  readonly timeoutMs: number
}): Promise<ProbeOutcome> {
  const { clock, host, port, service = '', timeoutMs } = options
  const check: UnaryMethod = { path: checkPath, request: codec('Request'), response: codec('Response') }
  const channel = openGrpcChannel(`${host.includes(':') ? `[${host}]` : host}:${port}`, clock)
  try {
    const { status = 'UNKNOWN' } = (await channel.call(check, { service }, timeoutMs)) as { status?: string }
    if (status === 'SERVING') return { isSuccess: true, output: 'service healthy' }
    return { isSuccess: false, output: `service unhealthy (responded with "${status}")` }
  } catch (error) {
    return { isSuccess: false, output: describeFailure(error, `${host}:${port}`, timeoutMs) }
  } finally {
    channel.close()
  }
}

function describeFailure(error: unknown, address: string, timeoutMs: number): string {
  if (!(error instanceof GrpcError)) return (error as Error).message
  switch (error.code) {
    case grpcStatus.unimplemented:
      return `error: this server does not implement the grpc health protocol (grpc.health.v1.Health): ${error.details}`
    case grpcStatus.deadlineExceeded:
      return `timeout: health rpc did not complete within ${timeoutMs}ms`
    case grpcStatus.unavailable:
      return `error: failed to connect service "${address}": ${error.details}`
    default:
      return `error: health rpc failed: ${error.message}`
  }
}
