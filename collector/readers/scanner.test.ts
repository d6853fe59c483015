import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createKeyedParser, Scanner } from './scanner.ts'

const scannerOf = (text: string) => {
  const scanner = new Scanner()
  const bytes = Buffer.from(text)
  scanner.reset(bytes, bytes.length)
  return scanner
}

test.each([
  ['0', 0],
  ['  42 ', 42],
  ['18446744073709551615', 18446744073709552000],
  ['0.38', 0.38],
  ['12.5 7', 12.5],
  ['max', Number.NaN],
  ['-1', Number.NaN],
  ['', Number.NaN],
])('the number at the start of %j is %d', (text, value) => {
  expect(scannerOf(text).number()).toBe(value)
})

test('behind a word that is no number the next one is read', () => {
  const scanner = scannerOf('max 100000')
  expect(scanner.number()).toBeNaN()
  expect(scanner.number()).toBe(100_000)
})

test('chosen keys are found whatever the order and number of lines, and no others', () => {
  const key = fc.stringMatching(/^[a-z_]{1,12}$/)
  fc.assert(
    fc.property(
      fc.dictionary(key, fc.nat(), { maxKeys: 40 }),
      fc.array(key, { maxLength: 10 }),
      fc.boolean(),
      (lines, chosen, endsWithNewline) => {
        const wanted = [...new Set(chosen)]
        const text =
          Object.entries(lines)
            .map(([name, value]) => `${name} ${value}`)
            .join('\n') + (endsWithNewline ? '\n' : '')
        const found: Record<string, number> = {}
        createKeyedParser(Object.fromEntries(wanted.map((name, index) => [name, index])))(
          scannerOf(text),
          (index, value) => (found[wanted[index]!] = value),
        )
        const expected = Object.fromEntries(wanted.filter((name) => Object.hasOwn(lines, name)).map((name) => [name, lines[name]]))
        expect(found).toEqual(expected)
      },
    ),
  )
})

test('a key that is the start of another is not taken for it', () => {
  const found: number[] = []
  createKeyedParser({ file: 0, total: 1 })(scannerOf('file_mapped 1\nfile 2\ntotal_x 3\n'), (index, value) => (found[index] = value))
  expect(found).toEqual([2])
})
