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

it('says each field once: what a child says goes before what its parent said, and parts are joined', async () => {
  const script = `
    const { createLog } = await import(${JSON.stringify(log)})
    const log = createLog({ level: 'info', component: 'monitor' }).child({ part: 'aggregator', node: 'a' })
    log.child({ part: 'sinks', node: 'b' }).child({ sink: 'log' }).info({ token: 'geheim' }, 'a line')`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'ignore', 'pipe'] })
  let output = ''
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()))
  await once(child, 'close')
  expect(output.match(/"(part|node)":"[^"]*"/g)).toEqual(['"part":"aggregator/sinks"', '"node":"b"'])
  expect(JSON.parse(output)).toMatchObject({ component: 'monitor', sink: 'log', token: '[redacted]', msg: 'a line' })
})
