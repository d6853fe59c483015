import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createAuthority, issueCertificate } from '../../../lib/pki.ts'
import { systemClock } from '../../../lib/clock.ts'
import type { Clock } from '../../../lib/clock.ts'
import { FakeClock } from '../../../lib/fake-clock.ts'
import type { LogBatch } from '../log-batch.ts'
import { fakeBatch, fakeOrigin } from './fake-batches.ts'
import type { FakeReceiver, ServerTls } from './fake-receivers.ts'
import { RefusedRequestError } from './sink.ts'
import type { LogSender, SendError } from './sink.ts'
import { createTestSender } from './test-sender.ts'

/** A type of sink that talks to a receiver over the network, and that receiver. */
export interface NetworkSender {
  readonly type: string
  readonly isHttp: boolean
  createReceiver(tls?: ServerTls): Promise<FakeReceiver>
  /** The options of its own, in YAML's flow form, without the tls. */
  options(address: { readonly port: number; readonly isSecure: boolean }): string
  /** How a text arrives that this protocol cannot carry as it is. */
  readonly arrives?: (text: string) => string
}

/** Texts that are meant to break out of every format. */
export const hostileTexts: readonly string[] = [
  'plain',
  '',
  ' ',
  'several\nlines\r\nand\ttabs',
  '"quotes" and \\back\\\\slashes\\',
  '\u0000nul \u001b[31mred\u007f',
  '\ufffd what was no UTF-8',
  '"}}\n{"create":{"_index":"forged","_id":"1"}}\n{"message":"forged"}',
  '",id="x" 1\nforged,tag=1 value=1 1\n',
  '"],["1","forged"',
  'x"] forged ] "',
  '<13>1 - - - - - - forged',
  '12 <13>1 - - - - - - forged\n<13>1 - - - - - - forged',
  '\u2028 é 😀 \u{10ffff}',
  'x'.repeat(40_000),
]

const hostileOrigin = fakeOrigin('we"ird\n] co\\ntainer', {
  namespace: 'na"me\nspace]',
  labels: { 'a"b\n': 'c"\\', 'app.kubernetes.io/name': 'x' },
  owner: { kind: 'Dep"loyment', name: 'n\n' },
})

const secret = 'hush-hush'

/** What every sender over the network keeps to. */
export function describeSender(sender: NetworkSender): void {
  describe(`lines to ${sender.type}`, () => {
    let dir: string
    let tls: ServerTls & { readonly ca: string }
    let receiver: FakeReceiver
    let open: LogSender[]
    beforeAll(async () => {
      dir = await mkdtemp(join(tmpdir(), 'log-sender-'))
      const now = Date.now()
      const authority = await createAuthority('ca', now)
      const { cert, key } = await issueCertificate(authority, { commonName: 'receiver', hosts: ['127.0.0.1'], isServer: true, now })
      tls = { cert, key, ca: authority.cert }
      await writeFile(join(dir, 'ca.pem'), authority.cert)
    })
    afterAll(() => rm(dir, { recursive: true }))
    beforeEach(async () => {
      receiver = await sender.createReceiver()
      open = []
    })
    afterEach(async () => {
      for (const one of open) await one.close()
      await receiver.close()
    })

    function create(options = sender.options({ port: receiver.port, isSecure: false }), clock: Clock = systemClock): LogSender {
      const created = createTestSender(`type: ${sender.type}, ${options}`, dir, clock)
      open.push(created)
      return created
    }
    const { signal } = new AbortController()
    const arriving = (texts: readonly string[]) => texts.map(sender.arrives ?? ((text) => text))
    const few = (): LogBatch[] => [fakeBatch(['one', 'two']), fakeBatch(['three'], { file: 'file-2', origin: fakeOrigin('other') })]
    async function failure(attempt: Promise<unknown>): Promise<Partial<SendError> & Error> {
      const error = await attempt.then(
        () => new Error('it was taken'),
        (reason: Error) => reason,
      )
      expect(error.message).not.toBe('it was taken')
      expect(error).not.toBeInstanceOf(RefusedRequestError)
      expect(String(error.stack)).not.toContain(secret)
      return error
    }

    it('carries every text as it is, whatever is in it', async () => {
      const outcome = await create().send(
        [fakeBatch(hostileTexts), fakeBatch(hostileTexts, { file: 'f"i\\le\n', origin: hostileOrigin })],
        signal,
      )
      expect(outcome.refused ?? []).toEqual([])
      expect(outcome.bytes).toBeGreaterThan(0)
      const sorted = (texts: readonly string[]) => [...texts].sort()
      expect(sorted(receiver.lines.map(({ text }) => text))).toEqual(sorted(arriving([...hostileTexts, ...hostileTexts])))
    })

    it('takes a line of 10 MB', async () => {
      const texts = ['before', 'y'.repeat(10 << 20), 'after']
      const outcome = await create().send([fakeBatch(texts)], signal)
      expect(outcome.refused ?? []).toEqual([])
      const lengths = (all: readonly string[]) => all.map(({ length }) => length).sort((a, b) => a - b)
      expect(lengths(receiver.lines.map(({ text }) => text))).toEqual(lengths(arriving(texts)))
    })

    it('tells lines apart that have the same text and time, and knows a line that is sent again', async () => {
      const batches = [fakeBatch(['a', 'same', 'b', 'same but more', 'c'])]
      const client = create()
      await client.send(batches, signal)
      await client.send(batches, signal)
      await create().send(batches, signal)
      expect(receiver.lines).toHaveLength(5)
    })

    it('fails when nobody listens, and works when somebody does', async () => {
      const { port } = receiver
      await receiver.close()
      const client = create(sender.options({ port, isSecure: false }))
      await failure(client.send(few(), signal))
      receiver = await sender.createReceiver()
      await create().send(few(), signal)
      expect(receiver.lines).toHaveLength(3)
    })

    it.each(['unavailable', 'reset'] as const)(
      'fails when the receiver is in the state "%s", and goes on after that',
      async (behaviour) => {
        const client = create()
        receiver.behaviour = behaviour
        const { retryAfterMs } = await failure(client.send(few(), signal))
        expect(retryAfterMs).toBe(sender.isHttp && behaviour === 'unavailable' ? 7000 : undefined)
        receiver.behaviour = 'good'
        await client.send(few(), signal)
        expect(receiver.lines.map(({ text }) => text).sort()).toEqual(['one', 'three', 'two'])
      },
    )

    it('gives up at once when it is told to while the receiver hangs, and goes on after that', async () => {
      const client = create()
      receiver.behaviour = 'hang'
      const controller = new AbortController()
      const attempt = failure(client.send(few(), controller.signal))
      setTimeout(() => controller.abort(new Error('enough')), 30)
      await attempt
      receiver.behaviour = 'good'
      await client.send(few(), signal)
      expect(receiver.lines).toHaveLength(3)
    })

    it('notices that a connection was closed in between', async () => {
      const client = create()
      await client.send(few(), signal)
      const { port } = receiver
      await receiver.close()
      await failure(client.send(few(), signal))
      receiver = await sender.createReceiver()
      expect(receiver.port).not.toBe(port)
    })

    it('trusts no certificate but those that it is told to', async () => {
      await receiver.close()
      receiver = await sender.createReceiver(tls)
      const options = sender.options({ port: receiver.port, isSecure: true })
      expect((await failure(create(options).send(few(), signal))).message).toMatch(/certificate|self.signed/i)
      expect(receiver.lines).toEqual([])
      await create(`${options}, tls: {ca_file: ${join(dir, 'ca.pem')}}`).send(few(), signal)
      expect(receiver.lines).toHaveLength(3)
    })

    it('takes up authorities that are renewed', async () => {
      await receiver.close()
      receiver = await sender.createReceiver(tls)
      const path = join(dir, 'renewed.pem')
      await writeFile(path, (await createAuthority('another', Date.now())).cert)
      const clock = new FakeClock()
      const client = create(`${sender.options({ port: receiver.port, isSecure: true })}, tls: {ca_file: ${path}}`, clock)
      await failure(client.send(few(), signal))
      await writeFile(path, tls.ca)
      await clock.advance(60_000)
      let isSent = false
      const sending = client.send(few(), signal).finally(() => (isSent = true))
      while (!isSent) await clock.advance(100)
      await sending
      expect(receiver.lines).toHaveLength(3)
    })

    it.each(sender.isHttp ? (['redirect', 'garbage'] as const) : [])('takes a "%s" for an outage', async (behaviour) => {
      receiver.behaviour = behaviour
      await failure(create().send(few(), signal))
      expect(receiver.last.path).not.toBe('/elsewhere')
    })
  })
}
