import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { kindsText } from './kinds.ts'
import { resourcesText } from './resources.ts'

const committed = (name: string) => readFileSync(new URL(`../generated/${name}`, import.meta.url), 'utf8')

describe('generated files', () => {
  it('are what the tables give', () => {
    expect(committed('kinds.ts')).toBe(kindsText())
    expect(committed('resources.ts')).toBe(resourcesText())
  })
})
