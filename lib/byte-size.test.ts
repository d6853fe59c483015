import { describe, expect, it } from 'vitest'
import { parseByteSize } from './byte-size.ts'

describe('sizes in bytes', () => {
  it.each([
    ['4096', 4096],
    ['10MB', 10_000_000],
    ['64MiB', 64 << 20],
    ['64Mi', 64 << 20],
    ['1.5 GiB', 1.5 * 2 ** 30],
    ['0', 0],
  ])('reads %s', (text, bytes) => expect(parseByteSize(text)).toBe(bytes))

  it.each(['', 'many', '-1', '1e9', '10 mb', '9999999999TiB', '1MiB or so'])('refuses %s', (text) =>
    expect(parseByteSize(text)).toBeUndefined(),
  )
})
