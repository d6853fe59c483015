import { createHmac } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { FakeClock } from '../../../../lib/fake-clock.ts'
import { fakeBatch, fakeOrigin } from '../fake-batches.ts'
import { createForwardReceiver, createHttpReceiver, lokiReader, parseMessage } from '../fake-receivers.ts'
import type { FakeReceiver } from '../fake-receivers.ts'
import { RefusedRequestError } from '../sink.ts'
import type { LogSender } from '../sink.ts'
import { createTestSender } from '../test-sender.ts'

const { signal } = new AbortController()
const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

/** A receiver that gives one answer to everything, and a sender to it. */
async function answering(
  { status, answer }: { readonly status: number; readonly answer: string },
  options: (url: string) => string,
): Promise<{ readonly sender: LogSender; readonly receiver: FakeReceiver; readonly bodies: string[] }> {
  const bodies: string[] = []
  const receiver = await createHttpReceiver((body) => {
    bodies.push(body.toString())
    return { lines: [], status, answer }
  })
  const sender = createTestSender(options(`http://127.0.0.1:${receiver.port}`), '/nowhere', new FakeClock())
  closers.push(() => sender.close(), receiver.close)
  return { sender, receiver, bodies }
}

describe('answers of Elasticsearch', () => {
  const options = (url: string) => `type: elasticsearch, url: "${url}", index: "logs-{namespace}-{date}"`
  const item = (status: number, type?: string) => ({
    create: { status, ...(type === undefined ? {} : { error: { type, reason: 'because' } }) },
  })

  it('say for each line what became of it', async () => {
    const items = [
      item(201),
      item(409, 'version_conflict'),
      item(429, 'es_rejected'),
      item(503, 'unavailable'),
      item(400, 'document_parsing_exception'),
      item(403, 'blocked'),
    ]
    const { sender } = await answering({ status: 200, answer: JSON.stringify({ errors: true, items }) }, options)
    const [first, second] = [fakeBatch(['a', 'b', 'c']), fakeBatch(['d', 'e', 'f'], { file: 'file-2' })]
    const { refused, again } = await sender.send([first, second], signal)
    expect(again!.lines).toEqual([
      { batch: first, index: 2 },
      { batch: second, index: 0 },
    ])
    expect(refused!.map(({ batch, index, reason, message }) => [batch.file, index, reason, message])).toEqual([
      ['file-2', 1, 'parse', 'document_parsing_exception: because'],
      ['file-2', 2, 'rejected', 'blocked: because'],
    ])
  })

  it('that fit nothing are no acknowledgement', async () => {
    for (const answer of ['', '{}', '{"errors":true,"items":[]}', '{"took":1,"errors":"no"}']) {
      const { sender } = await answering({ status: 200, answer }, options)
      await expect(sender.send([fakeBatch(['a'])], signal)).rejects.toThrow(/not an answer|answers to 1/)
    }
  })

  it('are to documents in the index of their day and namespace, without dots in names of labels', async () => {
    const { sender, bodies } = await answering({ status: 200, answer: '{"errors":false}' }, options)
    const night = 1_763_683_199_999_999_999n
    await sender.send(
      [fakeBatch(['a'], { time: night }), fakeBatch(['b'], { time: night + 1n, origin: fakeOrigin('c', { namespace: 'Kube System' }) })],
      signal,
    )
    const [one, document, two] = bodies[0]!
      .split('\n')
      .map((line) => (line === '' ? {} : (JSON.parse(line) as Readonly<Record<string, unknown>>)))
    expect(one).toEqual({ create: { _index: 'logs-default-2025.11.20', _id: 'file-1-0' } })
    expect(two).toMatchObject({ create: { _index: 'logs-kube_system-2025.11.21' } })
    expect(document!['origin']).toMatchObject({ labels: { 'app_kubernetes_io/name': 'web' } })
  })

  it('to a request that is too large make smaller ones', async () => {
    const { sender } = await answering({ status: 413, answer: 'Request Entity Too Large' }, options)
    await expect(sender.send([fakeBatch(['a', 'b'])], signal)).rejects.toMatchObject({ reason: 'too-large', isAboutLines: true })
  })
})

describe('answers of Loki', () => {
  const options = (url: string) => `type: loki, url: "${url}", tenant: t1`

  it('that all lines are too old refuse them all', async () => {
    const answer =
      "entry with timestamp 2020 ignored, reason: 'entry too far behind', user 'fake', total ignored: 2 out of 2 for stream: {}"
    const { sender, receiver } = await answering({ status: 400, answer }, options)
    const { refused } = await sender.send([fakeBatch(['a', 'b'])], signal)
    expect(refused!.map(({ reason }) => reason)).toEqual(['out-of-order', 'out-of-order'])
    expect(receiver.last.headers['x-scope-orgid']).toBe('t1')
  })

  it('that some are make the delivery look for them', async () => {
    const answer = "entry with timestamp 2020 ignored, reason: 'entry out of order', total ignored: 1 out of 2"
    const { sender } = await answering({ status: 400, answer }, options)
    await expect(sender.send([fakeBatch(['a', 'b'])], signal)).rejects.toMatchObject({ reason: 'out-of-order', isAboutLines: true })
    const { refused } = await sender.send([fakeBatch(['b'])], signal)
    expect(refused).toHaveLength(1)
  })

  it("that are about everything are not taken for the lines' fault", async () => {
    const { sender } = await answering({ status: 400, answer: 'error at least one label pair is required per stream' }, options)
    await expect(sender.send([fakeBatch(['a'])], signal)).rejects.toSatisfy(
      (error) => error instanceof RefusedRequestError && !error.isAboutLines,
    )
  })

  it('come for streams by the labels that were chosen, with metadata where that is wanted', async () => {
    const receiver = await createHttpReceiver(lokiReader())
    const url = `http://127.0.0.1:${receiver.port}`
    const sender = createTestSender(
      `type: loki, url: "${url}", labels: [app, level, stream], static_labels: {cluster: c1}, structured_metadata: true`,
      '/nowhere',
    )
    closers.push(() => sender.close(), receiver.close)
    await sender.send([fakeBatch(['a', 'b', 'c']), fakeBatch(['d'], { file: 'file-2', origin: fakeOrigin('other') })], signal)
    const streams = Map.groupBy(receiver.lines, ({ more }) => JSON.stringify(more['stream']))
    expect(Object.fromEntries([...streams].map(([stream, lines]) => [stream, lines.map(({ text }) => text)]))).toEqual({
      '{"app":"web","level":"info","stream":"stdout","cluster":"c1"}': ['a', 'c', 'd'],
      '{"app":"web","level":"info","stream":"stderr","cluster":"c1"}': ['b'],
    })
    expect(receiver.lines[0]!.more).toMatchObject({ time: '1763716472123456789', metadata: { id: 'file-1-0', level: 'info' } })
  })
})

describe('answers of InfluxDB', () => {
  const options = (url: string) => `type: influxdb, url: "${url}", database: logs, compression: none`

  it('that name fewer points than were sent make the delivery look for them', async () => {
    const { sender } = await answering(
      { status: 400, answer: '{"error":"partial write: points beyond retention policy dropped=1"}' },
      options,
    )
    await expect(sender.send([fakeBatch(['a', 'b'])], signal)).rejects.toMatchObject({ reason: 'retention', isAboutLines: true })
    const { refused } = await sender.send([fakeBatch(['a'])], signal)
    expect(refused).toMatchObject([{ index: 0, reason: 'retention' }])
  })

  it('that there is no such database make one', async () => {
    const paths: string[] = []
    const receiver = await createHttpReceiver((_, request) => {
      paths.push(`${request.method} ${request.url}`)
      const isMade = paths.some((path) => path.includes('/query'))
      return isMade
        ? { lines: [], status: request.url!.includes('/query') ? 200 : 204 }
        : { lines: [], status: 404, answer: '{"error":"database not found: \\"logs\\""}' }
    })
    const sender = createTestSender(options(`http://127.0.0.1:${receiver.port}`), '/nowhere')
    closers.push(() => sender.close(), receiver.close)
    await sender.send([fakeBatch(['a'])], signal)
    expect(paths).toEqual([
      'POST /write?db=logs&precision=ns',
      'POST /query?q=CREATE+DATABASE+%22logs%22',
      'POST /write?db=logs&precision=ns',
    ])
  })

  it('come for points of a bounded number of series, each with a time of its own', async () => {
    const { sender, bodies } = await answering({ status: 204, answer: '' }, options)
    await sender.send([fakeBatch(['a', 'b', 'c'], { time: 1_763_716_472_000_000_000n })], signal)
    const series = (stream: string) => `logs,container=app,level=info,namespace=default,node=n1,pod=web-1,stream=${stream}`
    expect(bodies[0]!.split('\n')).toEqual([
      `${series('stdout')} text="a",id="file-1-0" 1763716472000000000`,
      `${series('stderr')} text="b",id="file-1-2" 1763716472000000002`,
      `${series('stdout')} text="c",id="file-1-4" 1763716472000000004`,
      '',
    ])
  })
})

describe('what a webhook gets', () => {
  it('is signed as it is sent', async () => {
    const bodies: Buffer[] = []
    const receiver = await createHttpReceiver((body) => {
      bodies.push(body)
      return { lines: [] }
    })
    const sender = createTestSender(
      `type: webhook, url: "http://127.0.0.1:${receiver.port}/x", hmac_secret: s3cret, format: json, headers: {X-Mine: "1"}`,
      '/nowhere',
      new FakeClock(1_763_716_472_000),
    )
    closers.push(() => sender.close(), receiver.close)
    await sender.send([fakeBatch(['a', 'b']), fakeBatch(['c'], { file: 'file-2' })], signal)
    expect((JSON.parse(bodies[0]!.toString()) as { message: string }[]).map(({ message }) => message)).toEqual(['a', 'b', 'c'])
    const digest = createHmac('sha256', 's3cret').update(`1763716472.${bodies[0]!.toString()}`).digest('hex')
    expect(receiver.last.headers).toMatchObject({
      'x-binnacle-signature': `t=1763716472,v1=${digest}`,
      'x-mine': '1',
      'content-type': 'application/json',
    })
    expect(receiver.last.headers['idempotency-key']).toMatch(/^[0-9a-f]{32}$/)
  })
})

describe('a forward receiver', () => {
  const open = async (security: Parameters<typeof createForwardReceiver>[0], options: string) => {
    const receiver = await createForwardReceiver(security)
    const sender = createTestSender(`type: forward, address: "tcp://127.0.0.1:${receiver.port}", ${options}`, '/nowhere')
    closers.push(() => sender.close(), receiver.close)
    return { receiver, sender }
  }

  it('with another key, another password or without any is not sent to', async () => {
    for (const [security, options] of [
      [{ sharedKey: 'right' }, 'shared_key: wrong'],
      [{ sharedKey: 'right', user: 'us', password: 'right' }, 'shared_key: right, basic_auth: {username: us, password: wrong}'],
    ] as const) {
      const { receiver, sender } = await open(security, options)
      await expect(sender.send([fakeBatch(['a'])], signal)).rejects.toThrow(/refuses us: shared_key mismatch/)
      expect(receiver.lines).toEqual([])
    }
  })

  it('that answers with something else has acknowledged nothing', async () => {
    const { receiver, sender } = await open(undefined, 'require_ack: true')
    receiver.behaviour = 'garbage'
    const controller = new AbortController()
    setTimeout(() => controller.abort(new Error('deadline')), 100)
    await expect(sender.send([fakeBatch(['a'])], controller.signal)).rejects.toThrow(/deadline/)
  })

  it('gets a message per tag, compressed where that is wanted, with times to the nanosecond and what a parser found', async () => {
    const { receiver, sender } = await open(undefined, 'tag: "k8s.{namespace}.{pod}.{container}", compression: gzip')
    const file = fakeOrigin('', { kind: 'file', namespace: '', pod: '', id: 'file//var/log/x' })
    await sender.send([fakeBatch(['a'], { fields: [{ status: 200 }] }), fakeBatch(['b'], { file: 'file-2', origin: file })], signal)
    expect(receiver.lines.map(({ text, more }) => [text, more['tag'], more['nanos'], more['fields']])).toEqual([
      ['a', 'k8s.default.web-1.app', 123_456_789, { status: 200 }],
      ['b', 'k8s', 123_456_789, undefined],
    ])
    expect(receiver.lines[0]!.more['origin']).toMatchObject({ labels: { app: 'web' }, owner: { kind: 'Deployment' } })
  })
})

describe('syslog', () => {
  it('over UDP is a datagram per line; what is too large for one is cut', async () => {
    const socket = createSocket('udp4').bind(0, '127.0.0.1')
    await once(socket, 'listening')
    const received: string[] = []
    socket.on('message', (message) => received.push(message.toString()))
    const sender = createTestSender(
      `type: syslog, address: "udp://127.0.0.1:${socket.address().port}", facility: local3, max_message_bytes: 1000`,
      '/nowhere',
    )
    closers.push(
      () => sender.close(),
      async () => void socket.close(),
    )
    await sender.send([fakeBatch(['first', 'ü'.repeat(1000)])], signal)
    while (received.length < 2) await new Promise((resolve) => setImmediate(resolve))
    const [first, second] = received.map(parseMessage)
    expect(first).toMatchObject({
      key: 'file-1-0',
      text: 'first',
      more: { priority: 19 * 8 + 6, host: 'n1', app: 'app', process: 'web-1', namespace: 'default' },
    })
    expect(first!.more['time']).toBe('2025-11-21T09:14:32.123456Z')
    expect(second!.text).toMatch(/^ü{300,}$/)
    expect(Buffer.byteLength(received[1]!)).toBeLessThanOrEqual(1000)
  })

  it('with line ends between messages keeps one connection and has none within a message', async () => {
    let text = ''
    let connections = 0
    const server = createServer((socket) => {
      connections++
      socket.on('data', (chunk: Buffer) => (text += chunk))
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const sender = createTestSender(
      `type: syslog, address: "tcp://127.0.0.1:${(server.address() as AddressInfo).port}", framing: newline, confirm: none`,
      '/nowhere',
    )
    closers.push(
      () => sender.close(),
      async () => void server.close(),
    )
    await sender.send([fakeBatch(['a\nforged', 'b'])], signal)
    await sender.send([fakeBatch(['c'], { from: 100 })], signal)
    while (text.split('\n').length < 4) await new Promise((resolve) => setImmediate(resolve))
    expect(
      text
        .trimEnd()
        .split('\n')
        .map((message) => parseMessage(message).text),
    ).toEqual(['a\\nforged', 'b', 'c'])
    expect(connections).toBe(1)
  })
})
