import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ByteWriter, Escapes } from './byte-writer.ts'

describe('bytes that are written', () => {
  const escapes = new Escapes(
    new Map(
      [
        ['"', '\\"'],
        ['\\', '\\\\'],
        ['\n', '\\u000a'],
      ].map(([from, to]) => [from!.charCodeAt(0), to!]),
    ),
  )

  it('escapes what has a replacement and nothing else, whatever its length', () => {
    const unit = fc.constantFrom('a', '"', '\\', '\n', 'é', '😀', 'a long run of what needs no escape at all, longer than 40')
    fc.assert(
      fc.property(fc.string({ unit, maxLength: 300 }), (text) => {
        const writer = new ByteWriter()
        const bytes = Buffer.from(`<${text}>`)
        writer.appendEscaped(bytes, 1, bytes.length - 1, escapes)
        expect(writer.take().toString()).toBe(text.replaceAll(/["\\]/g, '\\$&').replaceAll('\n', '\\u000a'))
      }),
    )
  })

  it('grows for what is larger than it, also when all of it needs an escape', () => {
    const writer = new ByteWriter()
    const bytes = Buffer.alloc(3 << 20, '\n')
    writer.appendEscaped(bytes, 0, bytes.length, escapes)
    expect(writer.length).toBe(bytes.length * 6)
  })

  it('writes digits with leading zeros', () => {
    const writer = new ByteWriter()
    writer.reserve(20)
    writer.appendDigits(42, 9)
    writer.appendByte(0x20)
    writer.appendDigits(999_999_999, 9)
    expect(writer.take().toString()).toBe('000000042 999999999')
  })

  it('has one buffer where it lends and gets back in turn', () => {
    const writer = new ByteWriter()
    const buffers = new Set<ArrayBufferLike>()
    for (let round = 0; round < 5; round++) {
      writer.appendText('x'.repeat(100_000))
      const { bytes, release } = writer.lend()
      buffers.add(bytes.buffer)
      release()
    }
    expect(buffers.size).toBe(1)
  })

  it('lends its buffer, and does not keep one that a huge value has blown up', () => {
    const writer = new ByteWriter()
    writer.appendText('small')
    const first = writer.lend()
    writer.appendText('meanwhile')
    expect([first.bytes.toString(), writer.length]).toEqual(['small', 9])
    first.release()
    writer.lend().release()
    writer.appendText('x')
    expect(writer.lend().bytes.buffer.byteLength).toBe(64 << 10)
    writer.reserve(20 << 20)
    writer.lend().release()
    writer.appendText('y')
    expect(writer.lend().bytes.buffer.byteLength).toBeLessThanOrEqual(8 << 20)
  })
})
