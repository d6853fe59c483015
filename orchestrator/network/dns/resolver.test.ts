import { createSocket } from 'node:dgram'
import { connect } from 'node:net'
import { decode, encode, streamEncode } from 'dns-packet'
import type { Answer, DecodedPacket, Packet, Question } from 'dns-packet'
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../../lib/clock.ts'
import { silentLog } from '../../../lib/log.ts'
import { seededRandom } from '../../../lib/random.ts'
import { CoreV1Service, DiscoveryV1EndpointSlice } from '../../api/generated/kinds.ts'
import { parseNetwork } from '../ipv4.ts'
import type { Listener } from '../kept-listener.ts'
import { fakeCatalog, serviceOf, sliceOf } from '../network-fixtures.ts'
import { createForwarder } from './forwarder.ts'
import type { Upstream } from './forwarder.ts'
import { createResolver } from './resolver.ts'
import type { Resolver } from './resolver.ts'
import { listenDnsTcp, listenDnsUdp } from './server.ts'
import { createFrameReader } from './stream-frames.ts'
import { createZone } from './zone.ts'

const cleanUps: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0)) await cleanUp()
})

function resolverWith(upstreams: readonly Upstream[] = [], timeoutMs = 300): Resolver {
  const { informers, catalog } = fakeCatalog()
  informers.fake(CoreV1Service).put(serviceOf('web'))
  informers.fake(CoreV1Service).put(serviceOf('many', { clusterIP: 'None' }))
  informers.fake(CoreV1Service).put(serviceOf('alias', { type: 'ExternalName', externalName: 'web.default.svc.cluster.local' }))
  informers.fake(CoreV1Service).put(serviceOf('outside', { type: 'ExternalName', externalName: 'db.example.com' }))
  informers.fake(CoreV1Service).put(serviceOf('circle', { type: 'ExternalName', externalName: 'circle.default.svc.cluster.local' }))
  const addresses = Array.from({ length: 60 }, (_, index) => `10.244.0.${index + 2}`)
  informers.fake(DiscoveryV1EndpointSlice).put(sliceOf('many', addresses))
  const zone = createZone({
    catalog,
    domain: 'cluster.local',
    serviceCidr: parseNetwork('10.96.0.0/16', ''),
    podSubnet: parseNetwork('10.244.0.0/16', ''),
    clusterDns: '10.96.0.10',
    now: () => 0,
  })
  const random = seededRandom(1)
  return createResolver({ zone, forwarder: createForwarder({ upstreams, clock: systemClock, random, timeoutMs }), random, log: silentLog })
}

const query = (question: Question, more: Partial<Packet> = {}) =>
  encode({ type: 'query', id: 7, flags: 0x0100, questions: [question], ...more })
const answerOf = async (resolver: Resolver, message: Buffer, transport: 'udp' | 'tcp' = 'udp') => {
  const bytes = await resolver.answer(message, transport)
  return bytes === undefined ? undefined : { bytes, packet: decode(bytes) as DecodedPacket & { readonly rcode?: string } }
}

/** A resolver that answers with `respond`, or not at all where that gives nothing. */
async function upstream(respond: (message: Buffer) => Buffer | undefined): Promise<Upstream> {
  const socket = createSocket('udp4')
  socket.on('message', (message, { port, address }) => {
    const response = respond(message)
    if (response !== undefined) socket.send(response, port, address)
  })
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
  cleanUps.push(() => socket.close())
  return { address: '127.0.0.1', port: socket.address().port }
}

const respondWith =
  (data: string, ttl = 60) =>
  (message: Buffer) => {
    const asked = decode(message)
    const questions = asked.questions ?? []
    return encode({
      type: 'response',
      id: asked.id ?? 0,
      flags: 0x8180,
      questions,
      answers: [{ type: 'A', name: questions[0]!.name, ttl, data }],
    })
  }

test('a resolver that cannot even be asked counts as one that does not answer', async () => {
  const there = await upstream(respondWith('192.0.2.1'))
  // No socket may connect to the broadcast address: what a host without a route says of every address.
  const resolver = resolverWith([{ address: '255.255.255.255', port: 53 }, there])
  const answer = await answerOf(resolver, query({ type: 'A', name: 'www.example.org' }))
  expect(answer?.packet.answers).toMatchObject([{ data: '192.0.2.1' }])
})

describe("the cluster's names", () => {
  test('are answered with authority, with the question spelled as it came', async () => {
    const answer = await answerOf(resolverWith(), query({ type: 'A', name: 'wEb.DEFAULT.svc.cluster.local' }))
    expect(answer?.packet).toMatchObject({ id: 7, rcode: 'NOERROR', flag_aa: true, questions: [{ name: 'wEb.DEFAULT.svc.cluster.local' }] })
    expect(answer?.packet.answers).toMatchObject([{ type: 'A', data: '10.96.0.50', name: 'wEb.DEFAULT.svc.cluster.local' }])
  })

  test("that do not fit the client's size are cut off, and come whole over TCP", async () => {
    const name = 'many.default.svc.cluster.local'
    const cut = await answerOf(resolverWith(), query({ type: 'A', name }))
    expect([cut?.packet.flag_tc, cut?.packet.answers, (cut?.bytes.length ?? 513) <= 512]).toEqual([true, [], true])
    const whole = await answerOf(resolverWith(), query({ type: 'A', name }), 'tcp')
    expect([whole?.packet.flag_tc, whole?.packet.answers?.length]).toEqual([false, 60])
  })

  test('come back with EDNS when asked with it', async () => {
    const option: Answer = {
      type: 'OPT',
      name: '.',
      udpPayloadSize: 4096,
      flags: 0,
      flag_do: false,
      extendedRcode: 0,
      ednsVersion: 0,
      options: [],
    }
    const answer = await answerOf(resolverWith(), query({ type: 'A', name: 'web.default.svc.cluster.local' }, { additionals: [option] }))
    expect(answer?.packet.additionals).toMatchObject([{ type: 'OPT', udpPayloadSize: 1232 }])
  })

  test('follow aliases inside the cluster and outside, and give up on a circle', async () => {
    const resolver = resolverWith([await upstream(respondWith('192.0.2.9'))])
    const inside = await answerOf(resolver, query({ type: 'A', name: 'alias.default.svc.cluster.local' }))
    expect(inside?.packet.answers?.map(({ type }) => type)).toEqual(['CNAME', 'A'])
    const outside = await answerOf(resolver, query({ type: 'A', name: 'outside.default.svc.cluster.local' }))
    expect(outside?.packet.answers).toMatchObject([{ data: 'db.example.com' }, { name: 'db.example.com', data: '192.0.2.9' }])
    const circle = await answerOf(resolver, query({ type: 'A', name: 'circle.default.svc.cluster.local' }))
    expect(circle?.packet.rcode).toBe('SERVFAIL')
  })
})

describe('other names', () => {
  test("are asked from the host's resolvers, then from memory, in the spelling of each client", async () => {
    let asked = 0
    const resolver = resolverWith([await upstream((message) => (asked++, respondWith('192.0.2.1')(message)))])
    expect((await answerOf(resolver, query({ type: 'A', name: 'example.com' })))?.packet.answers).toMatchObject([{ data: '192.0.2.1' }])
    const again = await answerOf(resolver, query({ type: 'A', name: 'EXAMPLE.com' }, { id: 8 }))
    expect(again?.packet).toMatchObject({ id: 8, questions: [{ name: 'EXAMPLE.com' }], answers: [{ data: '192.0.2.1' }] })
    expect(asked).toBe(1)
  })

  test('go to the next resolver when one is silent or answers another question', async () => {
    const silent = await upstream(() => undefined)
    const forger = await upstream(() => respondWith('192.0.2.66')(query({ type: 'A', name: 'other.com' })))
    const resolver = resolverWith([silent, forger, await upstream(respondWith('192.0.2.1'))], 80)
    expect((await answerOf(resolver, query({ type: 'A', name: 'example.com' })))?.packet.answers).toMatchObject([{ data: '192.0.2.1' }])
  })

  test('fail when no resolver answers, and are refused to clients that want no recursion', async () => {
    const resolver = resolverWith([await upstream(() => undefined)], 30)
    expect((await answerOf(resolver, query({ type: 'A', name: 'example.com' })))?.packet.rcode).toBe('SERVFAIL')
    expect((await answerOf(resolverWith(), query({ type: 'A', name: 'example.com' })))?.packet.rcode).toBe('SERVFAIL')
    expect((await answerOf(resolver, query({ type: 'A', name: 'example.com' }, { flags: 0 })))?.packet.rcode).toBe('REFUSED')
  })

  test('are refused when an upstream asks back what it was asked', async () => {
    let answer: Promise<unknown> | undefined
    let resolver: Resolver | undefined
    const looping = await upstream((message) => {
      answer ??= answerOf(resolver!, Buffer.from(message))
      return undefined
    })
    resolver = resolverWith([looping], 100)
    await answerOf(resolver, query({ type: 'A', name: 'example.com' }))
    expect(await answer).toMatchObject({ packet: { rcode: 'REFUSED' } })
  })
})

describe('messages that are no queries', () => {
  test('get no answer when they are responses or too short', async () => {
    const resolver = resolverWith()
    expect(await resolver.answer(Buffer.alloc(11), 'udp')).toBeUndefined()
    expect(await resolver.answer(respondWith('192.0.2.1')(query({ type: 'A', name: 'example.com' })), 'udp')).toBeUndefined()
  })

  test('of other kinds are refused with the code that says so', async () => {
    const resolver = resolverWith()
    const codeOf = async (message: Buffer) => ((await resolver.answer(message, 'udp'))?.[3] ?? 255) & 0xf
    expect(await codeOf(query({ type: 'A', name: 'x' }, { flags: 0x2800 }))).toBe(4)
    expect(
      await codeOf(
        encode({
          type: 'query',
          id: 1,
          questions: [
            { type: 'A', name: 'a' },
            { type: 'A', name: 'b' },
          ],
        }),
      ),
    ).toBe(1)
    expect(await codeOf(query({ type: 'A', name: 'web.default.svc.cluster.local', class: 'CH' }))).toBe(5)
    expect(await codeOf(query({ type: 'A', name: 'example.com' }).subarray(0, 20))).toBe(1)
  })

  test('never break the resolver, whatever their bytes', async () => {
    const resolver = resolverWith()
    const start = query({ type: 'A', name: 'web.default.svc.cluster.local' })
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 80 }),
      fc.tuple(fc.nat(start.length - 1), fc.nat(255)).map(([at, value]) => Uint8Array.from(start).fill(value, at, at + 1)),
    )
    await fc.assert(
      fc.asyncProperty(bytes, async (message) => {
        const response = await resolver.answer(Buffer.from(message), 'udp')
        expect(response === undefined || response.readUInt16BE(0) === Buffer.from(message).readUInt16BE(0)).toBe(true)
      }),
    )
  })
})

describe('the server', () => {
  const listen = async (open: (options: { resolver: Resolver; address: string; port: number }) => Promise<Listener>) => {
    const listener = await open({ resolver: resolverWith(), address: '127.0.0.1', port: 0 })
    cleanUps.push(() => listener.close())
    return listener
  }

  test('answers over UDP and survives garbage', async () => {
    const { port } = await listen(listenDnsUdp)
    const socket = createSocket('udp4')
    cleanUps.push(() => socket.close())
    const answer = new Promise<Buffer>((resolve) => socket.once('message', resolve))
    socket.send(Buffer.from('garbage'), port, '127.0.0.1')
    socket.send(query({ type: 'A', name: 'web.default.svc.cluster.local' }), port, '127.0.0.1')
    expect(decode(await answer).answers).toMatchObject([{ data: '10.96.0.50' }])
  })

  test('answers queries in a row on one TCP connection, in order, however they are cut', async () => {
    const { port } = await listen(listenDnsTcp)
    const socket = connect(port, '127.0.0.1')
    cleanUps.push(() => socket.destroy())
    const ids: number[] = []
    const done = new Promise<void>((resolve) => {
      socket.on(
        'data',
        createFrameReader((frame) => ids.push(decode(frame).id ?? -1) === 40 && resolve()),
      )
    })
    const frames = Buffer.concat(
      Array.from({ length: 40 }, (_, id) =>
        streamEncode({ type: 'query', id, flags: 0x0100, questions: [{ type: 'A', name: 'web.default.svc.cluster.local' }] }),
      ),
    )
    socket.write(frames.subarray(0, 33))
    socket.write(frames.subarray(33))
    await done
    expect(ids).toEqual(Array.from({ length: 40 }, (_, id) => id))
  })
})
