import { connect } from 'node:http2'
import type { Clock } from '../../../lib/clock.ts'
import type { ProbeOutcome } from './probe-executor.ts'

/** grpc.health.v1 serving states by number. */
const servingStates = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN']

/** Asks a gRPC server for the health of a service by the standard protocol, without TLS. */
export function checkGrpcHealth(options: {
  readonly clock: Clock
  readonly host: string
  readonly port: number
  readonly service?: string
  readonly timeoutMs: number
}): Promise<ProbeOutcome> {
  const { clock, host, port, service = '', timeoutMs } = options
  return new Promise((resolve) => {
    const session = connect(`http://${host}:${port}`)
    const finish = (isSuccess: boolean, output: string) => {
      timer.cancel()
      session.destroy()
      resolve({ isSuccess, output })
    }
    const timer = clock.setTimer(timeoutMs, () =>
      finish(false, `timeout: failed to connect service "${host}:${port}" within ${timeoutMs}ms`),
    )
    session.on('error', (error) => finish(false, `error: failed to connect service "${host}:${port}": ${error.message}`))
    const stream = session.request({
      ':method': 'POST',
      ':path': '/grpc.health.v1.Health/Check',
      'content-type': 'application/grpc',
      te: 'trailers',
    })
    const chunks: Buffer[] = []
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.on('error', (error) => finish(false, `error: health rpc failed: ${error.message}`))
    stream.on('end', () => {
      const state = servingStates[statusIn(Buffer.concat(chunks))] ?? 'UNKNOWN'
      finish(state === 'SERVING', state === 'SERVING' ? 'service healthy' : `service unhealthy (responded with "${state}")`)
    })
    stream.end(requestFrame(service))
  })
}

/** A gRPC frame (no compression, length) with a message of one string field. */
function requestFrame(service: string): Buffer {
  const name = Buffer.from(service)
  const message = name.length === 0 ? Buffer.alloc(0) : Buffer.concat([Buffer.from([0x0a, name.length]), name])
  const header = Buffer.alloc(5)
  header.writeUInt32BE(message.length, 1)
  return Buffer.concat([header, message])
}

/** Field 1 of the answer, a small varint; 0 where it is absent. */
function statusIn(frame: Buffer): number {
  return frame.length >= 7 && frame[5] === 0x08 ? frame[6]! : 0
}
