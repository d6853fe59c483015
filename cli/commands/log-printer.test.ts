import { PassThrough } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { LinePrinter } from './log-printer.ts'

async function printed(isTTY: boolean, text: string, isJson = false): Promise<string> {
  const output = Object.assign(new PassThrough(), { isTTY })
  const printer = new LinePrinter({ output, isJson })
  const record = {
    time: '2026-01-31T12:00:00.000000000Z',
    namespace: 'default',
    pod: 'web',
    container: 'main',
    level: 'error',
    text,
    id: 'x',
  }
  printer.add(record, JSON.stringify(record))
  await printer.flush()
  return String(output.read())
}

describe('the printer of log lines', () => {
  it('prints time, name and text as they are where nobody looks', async () => {
    expect(await printed(false, 'a\x1b[31mb')).toBe('2026-01-31T12:00:00.000000000Z default/web/main a\x1b[31mb\n')
  })

  it('shows a terminal what a hostile line would have done to it', async () => {
    const shown = await printed(true, 'a\x1b]0;owned\x07\x9b2J\rb\u202egnp.exe')
    expect(shown).toContain('a\\x1b]0;owned\\x07\\x9b2J\\x0db\\u202egnp.exe')
    // oxlint-disable-next-line no-control-regex -- nothing but our own colours may be left
    expect(shown.replaceAll(/\x1b\[[\d;]*m/g, '')).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f]/)
  })

  it('leaves tabs and marks further lines of a text', async () => {
    expect(await printed(true, 'a\tb\nc')).toContain('a\tb\n  c')
  })

  it('prints records as they came', async () => {
    expect(JSON.parse(await printed(false, 'x', true))).toMatchObject({ text: 'x', pod: 'web' })
  })
})
