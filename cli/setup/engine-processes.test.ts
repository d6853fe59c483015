import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished, test, expect } from 'vitest'
import { systemClock } from '../../lib/clock.ts'
import { identifyProcess } from '../../lib/process-identity.ts'
import { endShims, findShims } from './engine-processes.ts'

const shim = '/usr/bin/containerd-shim-runc-v2'
const commandLines: Readonly<Record<string, readonly string[]>> = {
  11: [shim, '-namespace', 'binnacle-abc', '-id', 'c1', '-address', '/run/binnacle-abc/docker/containerd/containerd.sock'],
  12: [shim, '-namespace', 'binnacle-abcd', '-id', 'c2'],
  13: [shim, '-namespace', 'moby', '-id', 'binnacle-abc'],
  14: ['/bin/echo', shim, '-namespace', 'binnacle-abc', '-id', 'c3'],
  15: [shim, '-namespace', 'binnacle-abc', '-id', 'c4', 'start'],
  16: [shim, '-namespace', 'binnacle-abc'],
  17: [],
  18: ['containerd-shim', '-namespace', 'binnacle-abc', '-id', 'c5'],
}

test('shims are known by their program and their namespace, and by nothing else that names it', () => {
  const root = mkdtempSync(join(tmpdir(), 'shims-'))
  onTestFinished(() => rmSync(root, { recursive: true }))
  for (const [pid, line] of Object.entries(commandLines)) {
    mkdirSync(join(root, pid))
    writeFileSync(join(root, pid, 'cmdline'), line.map((word) => `${word}\0`).join(''))
  }
  mkdirSync(join(root, 'sys'))
  expect(findShims('binnacle-abc', root)).toEqual([
    { pid: 11, containerId: 'c1' },
    { pid: 18, containerId: 'c5' },
  ])
})

test('a shim goes with everything that runs below it', async () => {
  const parent = spawn('sh', ['-c', "sh -c 'sleep 100 & echo $!; wait' & wait"], { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => void parent.kill('SIGKILL'))
  const [line] = (await once(parent.stdout, 'data')) as [Buffer]
  const grandchild = Number(line.toString())
  expect(identifyProcess(grandchild)).toBeDefined()
  await endShims([{ pid: parent.pid!, containerId: 'c1' }], systemClock)
  expect(identifyProcess(grandchild)).toBeUndefined()
  expect(identifyProcess(parent.pid)).toBeUndefined()
})
