import { expect, test } from 'vitest'
import { sayInBubble } from './bubble.ts'

test('the whale says a short text on one line', () => {
  expect(sayInBubble('hello').split('\n').slice(0, 3)).toEqual([' -------', '< hello >', ' -------'])
})

test('a long text is wrapped into a bubble of lines of the same width', () => {
  const lines = sayInBubble('Developers! Developers! Developers! Saturday task complete!').split('\n').slice(0, 4)
  expect(new Set(lines.slice(1, 3).map((line) => line.length)).size).toBe(1)
  expect(lines[1]).toMatch(/^\/ .* \\$/)
  expect(lines[2]).toMatch(/^\\ .* \/$/)
})

test('a text that a manifest wrapped over lines is one text', () => {
  expect(sayInBubble('a\n  b')).toContain('< a b >')
})
