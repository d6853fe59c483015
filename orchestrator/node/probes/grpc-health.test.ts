import { afterEach, expect, test } from 'vitest'
import { systemClock } from '../../../lib/clock.ts'
import { messageCodecs } from '../../../lib/protobuf-messages.ts'
import { serveGrpc } from '../../../lib/test-grpc-server.ts'
import type { TestGrpcServer, UnaryHandler } from '../../../lib/test-grpc-server.ts'
import { checkGrpcHealth } from './grpc-health.ts'

const codec = messageCodecs({ Request: { service: 'string 1' }, Response: { status: 'int32 1' } })
let server: TestGrpcServer | undefined

afterEach(() => {
  server?.stop()
  server = undefined
})

async function serve(path: string, handler: UnaryHandler): Promise<number> {
  server = await serveGrpc('127.0.0.1:0', [[{ path, request: codec('Request'), response: codec('Response') }, handler]])
  return server.port
}

const check = (port: number, more: object = {}) =>
  checkGrpcHealth({ clock: systemClock, host: '127.0.0.1', port, timeoutMs: 5_000, ...more })

test('a service is asked for by name, and only one that serves is healthy', async () => {
  const long = 'x'.repeat(200)
  const port = await serve('/grpc.health.v1.Health/Check', (message) => ({
    status: { '': 1, [long]: 2 }[(message as { service?: string }).service ?? ''] ?? 3,
  }))
  expect(await check(port)).toEqual({ isSuccess: true, output: 'service healthy' })
  expect(await check(port, { service: long })).toEqual({ isSuccess: false, output: 'service unhealthy (responded with "NOT_SERVING")' })
  expect((await check(port, { service: 'other' })).output).toContain('SERVICE_UNKNOWN')
})

test('each way to fail has its own words', async () => {
  const silent = await serve('/grpc.health.v1.Health/Check', () => new Promise(() => {}))
  expect((await check(silent, { timeoutMs: 50 })).output).toBe('timeout: health rpc did not complete within 50ms')
  server!.stop()
  const other = await serve('/other.Service/Check', () => ({}))
  expect((await check(other)).output).toContain('does not implement the grpc health protocol')
  server!.stop()
  expect((await check(other)).output).toContain(`failed to connect service "127.0.0.1:${other}"`)
})
