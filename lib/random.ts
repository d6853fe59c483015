import { randomBytes, randomUUID } from 'node:crypto'

/** Chance as a dependency: names, identifiers and jitter come from here, so tests can repeat a run exactly. */
export interface Random {
  /** A version 4 UUID. */
  uuid(): string
  /** A number in [0, 1). */
  fraction(): number
  /** `length` characters of the alphabet that generated object names use (no vowels, no look-alikes). */
  suffix(length: number): string
}

/** Letters and digits of generated names, as in apimachinery `util/rand`: nothing that spells words. */
const alphabet = 'bcdfghjklmnpqrstvwxz2456789'

/** The machine's randomness. */
export const systemRandom: Random = {
  uuid: () => randomUUID(),
  fraction: () => randomBytes(4).readUInt32BE() / 0x1_0000_0000,
  suffix: (length) => {
    let text = ''
    for (const byte of randomBytes(length)) text += alphabet[byte % alphabet.length]
    return text
  },
}

/** Randomness that repeats: the same seed gives the same sequence (xorshift32). For tests. */
export function seededRandom(seed: number): Random {
  let state = seed | 0 || 1
  const next = () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 0x1_0000_0000
  }
  const characters = (length: number, from: string) => Array.from({ length }, () => from[Math.floor(next() * from.length)]).join('')
  return {
    uuid: () => {
      const hex = characters(32, '0123456789abcdef')
      return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20)}`
    },
    fraction: next,
    suffix: (length) => characters(length, alphabet),
  }
}
