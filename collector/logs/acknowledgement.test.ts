import { appendFileSync, writeFileSync } from 'node:fs'
import { afterEach, expect, test } from 'vitest'
import { MemorySink } from './testing/memory-sink.ts'
import { filesAt, RunningPipeline } from './testing/running-pipeline.ts'

let running: RunningPipeline | undefined
afterEach(async () => {
  await running?.dispose()
  running = undefined
})

const oneFile = (folder: string) => ({ files: [filesAt(`${folder}/app.log`)] })
const everything = { kinds: [], namespaces: [], pods: [], containers: [], images: [], ids: [], selector: undefined }
const positionOf = ({ pipeline }: RunningPipeline) => pipeline.status().origins[0]?.files[0]?.offset

test('a file is acknowledged when every sink has its lines, and all of them get what one had not', async () => {
  const [quick, slow] = [new MemorySink('quick'), new MemorySink('slow')]
  running = new RunningPipeline(oneFile, { sinks: [quick, slow] })
  slow.isAcknowledging = false
  writeFileSync(running.path('app.log'), 'one\n')
  await running.start()
  await running.until(() => slow.texts().length === 1)
  expect([quick.texts(), positionOf(running)]).toEqual([['one'], 0])
  slow.acknowledgeAll()
  await running.until(() => positionOf(running!) === 4)
  appendFileSync(running.path('app.log'), 'two\n')
  await running.until(() => slow.texts().length === 2)
  await running.stop()
  slow.isAcknowledging = true
  await running.start()
  await running.until(() => slow.texts().length === 3)
  expect([quick.texts(), slow.texts()]).toEqual([
    ['one', 'two', 'two'],
    ['one', 'two', 'two'],
  ])
})

test('an entry of several lines is told when nothing has followed for a while, and counts as read only then', async () => {
  const rule = {
    match: everything,
    multiline: { start: '^\\S', timeoutMs: 500, maxLines: 10 },
    drop: [],
    keep: [],
    sample: [],
    metrics: [],
  }
  running = new RunningPipeline((folder) => ({ ...oneFile(folder), rules: [rule] }))
  const path = running.path('app.log')
  writeFileSync(path, 'first\nError: broken\n  at here\n')
  await running.start()
  await running.until(() => positionOf(running!) === 6)
  expect(running.sink.texts()).toEqual(['first'])
  expect(await running.untilLines(2)).toEqual(['first', 'Error: broken\n  at here'])
  await running.until(() => positionOf(running!) === 30)
})
