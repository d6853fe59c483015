import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { identifyProcess } from '../../lib/process-identity.ts'
import { claimFolder } from './folder-claim.ts'

let folder: string
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'binnacle-claim-'))))
afterEach(() => rmSync(folder, { recursive: true }))

test('a folder that a living process has is refused, and stays with it', () => {
  const owner = JSON.stringify(identifyProcess(process.ppid))
  writeFileSync(join(folder, 'owner.json'), owner)
  expect(() => claimFolder(folder)).toThrow(`in use by process ${process.ppid}`)
  expect(readFileSync(join(folder, 'owner.json'), 'utf8')).toBe(owner)
})

test.each([JSON.stringify({ pid: 1, startTicks: '-5' }), 'no JSON', ''])('what a dead process left is taken over: %s', (left) => {
  writeFileSync(join(folder, 'owner.json'), left)
  const release = claimFolder(folder)
  expect(readFileSync(join(folder, 'owner.json'), 'utf8')).toBe(JSON.stringify(identifyProcess(process.pid)))
  release()
  expect(() => readFileSync(join(folder, 'owner.json'))).toThrow('ENOENT')
})
