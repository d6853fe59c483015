import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { openSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const log = fileURLToPath(new URL('log.ts', import.meta.url))

it('outlives a disk that has no room for its lines', async () => {
  const script = `
    const { createLog } = await import(${JSON.stringify(log)})
    const log = createLog({ level: 'info', component: 'test' })
    for (let i = 0; i < 100; i++) log.info({ i }, 'a line')
    await new Promise((resolve) => setTimeout(resolve, 50))
    console.log('alive')`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', openSync('/dev/full', 'w')] })
  let output = ''
  child.stdout!.on('data', (chunk: Buffer) => (output += chunk.toString()))
  const [code] = await once(child, 'close')
  expect(output).toBe('alive\n')
  expect(code).toBe(0)
})
