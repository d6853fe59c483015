import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { systemClock } from './clock.ts'
import { grpcStatus, openGrpcChannel } from './grpc.ts'
import type { GrpcChannel } from './grpc.ts'
import { messageCodecs } from './protobuf-messages.ts'
import { serveGrpc } from './test-grpc-server.ts'
import type { TestGrpcServer, UnaryHandler } from './test-grpc-server.ts'

const codec = messageCodecs(
  { Question: { text: 'string 1', tags: 'map 2', size: 'int64 3', parts: 'Part[] 4' }, Part: { mode: 'Mode 1' } },
  { Mode: { NONE: 0, FULL: 7 } },
)
const echo = { path: '/test.Echo/Say', request: codec('Question'), response: codec('Question') }

let folder: string
let server: TestGrpcServer | undefined
let channel: GrpcChannel

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'grpc-'))
  channel = openGrpcChannel(`unix:${folder}/s`, systemClock)
})

afterEach(() => {
  channel.close()
  server?.stop()
  server = undefined
  rmSync(folder, { recursive: true })
})

const serve = async (handler: UnaryHandler) => {
  server = await serveGrpc(`unix:${folder}/s`, [[echo, handler]])
}

test('a message comes back as it was sent, with numbers, names of enumerations, and empty lists and maps', async () => {
  await serve((message) => message)
  const question = { text: 'ü', tags: { a: 'b' }, size: 5 * 1024 ** 4, parts: [{ mode: 'FULL' }] }
  expect(await channel.call(echo, question, 5_000)).toEqual(question)
  expect(await channel.call(echo, {}, 5_000)).toEqual({ tags: {}, parts: [] })
})

test('an error of the server is told with its code and in its words', async () => {
  await serve(() => {
    throw Object.assign(new Error('no such thing'), { code: grpcStatus.notFound })
  })
  await expect(channel.call(echo, {}, 5_000)).rejects.toMatchObject({
    code: grpcStatus.notFound,
    message: 'rpc error: code = NotFound desc = no such thing',
  })
})

test('a server that does not answer in time is given up', async () => {
  await serve(() => new Promise(() => {}))
  await expect(channel.call(echo, {}, 50)).rejects.toMatchObject({ code: grpcStatus.deadlineExceeded })
})

test('nobody there is said at once, and a server that comes back is found', async () => {
  await expect(channel.call(echo, {}, 5_000)).rejects.toMatchObject({ code: grpcStatus.unavailable })
  await serve((message) => message)
  await expect.poll(() => channel.call(echo, { text: 'x' }, 5_000).catch(() => undefined)).toMatchObject({ text: 'x' })
  server!.stop()
  await serve((message) => message)
  await expect.poll(() => channel.call(echo, { text: 'y' }, 5_000).catch(() => undefined)).toMatchObject({ text: 'y' })
})
