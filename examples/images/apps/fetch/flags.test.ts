import { describe, expect, test } from 'vitest'
import { parseFetchFlags } from './flags.ts'

describe('wget', () => {
  test.each([
    ['-q -O- http://x/y', { url: 'http://x/y', output: '-', isQuiet: true, timeoutMs: 30_000 }],
    ['-qO - x:8080/y', { url: 'http://x:8080/y', output: '-', isQuiet: true }],
    ['-T 3 http://x/y/file.txt', { output: 'file.txt', timeoutMs: 3_000 }],
    ['--timeout=3 --output-document=a http://x', { output: 'a', timeoutMs: 3_000 }],
    ['http://x', { output: 'index.html', method: 'GET' }],
    ['--spider http://x', { output: undefined, method: 'HEAD' }],
    ['--post-data a=1 --header a:b http://x', { method: 'POST', body: 'a=1', headers: [['a', 'b']] }],
  ])('%s', (line, expected) => {
    expect(parseFetchFlags('wget', line.split(' '))).toMatchObject(expected)
  })
})

describe('curl', () => {
  test.each([
    ['-s http://x', { output: '-', isQuiet: true, isFailureOnStatus: false }],
    ['-sf -m 3 -o out http://x', { output: 'out', isFailureOnStatus: true, timeoutMs: 3_000 }],
    ['-I http://x', { method: 'HEAD', isHeadShown: true }],
    ['-X PUT -d body -H a:b -k https://x', { method: 'PUT', body: 'body', headers: [['a', 'b']], isInsecure: true }],
  ])('%s', (line, expected) => {
    expect(parseFetchFlags('curl', line.split(' '))).toMatchObject(expected)
  })
})

test.each([[[]], [['a', 'b']], [['-T', 'x', 'http://x']]])('%j is refused', (args) => {
  expect(() => parseFetchFlags('wget', args)).toThrow(/^wget: /)
})
