import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ByteWriter } from '../../../../lib/byte-writer.ts'
import { lineId } from '../../log-batch.ts'
import { fakeBatch, fakeOrigin } from '../fake-batches.ts'
import { JsonLineEncoder } from './json-lines.ts'
import { TimeReader } from './line-time.ts'

describe('lines as JSON', () => {
  function encode(...parts: Parameters<typeof fakeBatch>): Readonly<Record<string, unknown>>[] {
    const batch = fakeBatch(...parts)
    const encoder = new JsonLineEncoder()
    const writer = new ByteWriter()
    return Array.from({ length: batch.count }, (_, index) => {
      encoder.append(writer, batch, index)
      return JSON.parse(writer.take().toString()) as Readonly<Record<string, unknown>>
    })
  }

  it('say when, what, how grave, where from and which line it is', () => {
    const [line] = encode(['hello'], { from: 71, fields: [{ status: 200, path: '/a"b', ok: true }] })
    expect(line).toEqual({
      '@timestamp': '2025-11-21T09:14:32.123456789Z',
      message: 'hello',
      level: 'info',
      stream: 'stdout',
      id: 'file-1-1z',
      fields: { status: 200, path: '/a"b', ok: true },
      origin: {
        id: 'docker/app',
        kind: 'container',
        node: 'n1',
        namespace: 'default',
        pod: 'web-1',
        podUid: '0c0ffee0-0000-4000-a000-000000000001',
        container: 'app',
        containerId: 'app0123',
        image: 'example/web:1',
        owner: { kind: 'Deployment', name: 'web' },
        labels: { app: 'web', 'app.kubernetes.io/name': 'web' },
      },
    })
  })

  it('are read back as they were, whatever is in texts and names', () => {
    const name = fc.string({ unit: 'binary', maxLength: 20 }).map((text) => text.toWellFormed())
    const texts = fc.array(fc.string({ unit: 'binary', maxLength: 200 }), { minLength: 1, maxLength: 5 })
    fc.assert(
      fc.property(texts, name, name, (all, file, pod) => {
        const lines = encode(
          all.map((text) => text.toWellFormed()),
          { file, origin: fakeOrigin('app', { pod, labels: { [pod]: file } }) },
        )
        expect(lines.map(({ message }) => message)).toEqual(all.map((text) => text.toWellFormed()))
        expect(String(lines[0]!['id'])).toBe(`${file}-0`)
      }),
    )
  })

  it('have the id that everything else gives them', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (from) => {
        const batch = fakeBatch(['x'], { from })
        const writer = new ByteWriter()
        writer.reserve(100)
        new JsonLineEncoder().appendId(writer, batch, 0)
        expect(writer.take().toString()).toBe(lineId(batch, 0))
      }),
    )
  })

  it('have the time to the nanosecond, also before 1970', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 62n), max: 2n ** 63n - 1n }), (time) => {
        const reader = new TimeReader()
        reader.use(BigInt64Array.of(0n, time))
        reader.read(1)
        expect(BigInt(reader.seconds) * 1_000_000_000n + BigInt(reader.nanos)).toBe(time)
        expect(reader.nanos).toBeGreaterThanOrEqual(0)
        expect(reader.nanos).toBeLessThan(1e9)
      }),
    )
  })
})
