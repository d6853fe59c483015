import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'

const main = fileURLToPath(new URL('main.ts', import.meta.url))
const timeoutMs = 20_000

describe('the command', () => {
  const folder = mkdtempSync(join(tmpdir(), 'binnacle-main-'))
  const taken = createServer()
  afterEach(() => {
    taken.close()
    rmSync(folder, { recursive: true, force: true })
  })

  it('ends with one line when it cannot have its port, whatever has begun before', async () => {
    const kubeconfig = join(folder, 'kubeconfig')
    writeFileSync(
      kubeconfig,
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'Config',
        clusters: [{ name: 'c', cluster: { server: 'https://127.0.0.1:1' } }],
        users: [{ name: 'u', user: { token: 't' } }],
        contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
        'current-context': 'c',
      }),
    )
    await once(taken.listen(0, '127.0.0.1'), 'listening')
    const { port } = taken.address() as AddressInfo
    const child = spawn(process.execPath, [main, 'aggregator', `--kubeconfig=${kubeconfig}`, `--port=${port}`, '--secure-port=0'], {
      timeout: timeoutMs,
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    let complaint = ''
    child.stderr.on('data', (chunk: Buffer) => (complaint += chunk.toString()))
    expect(await once(child, 'close')).toEqual([1, null])
    expect(complaint).toBe(`binnacle: listen EADDRINUSE: address already in use 127.0.0.1:${port}\n`)
  }, 30_000)
})
