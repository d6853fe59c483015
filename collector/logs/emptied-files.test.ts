import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { afterEach, expect, test } from 'vitest'
import { filesAt, RunningPipeline } from './testing/running-pipeline.ts'

let running: RunningPipeline | undefined
afterEach(async () => {
  await running?.dispose()
  running = undefined
})

const padding = 'x'.repeat(300)
/** Lines of one length that end alike, as those of probes do. */
const lines = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => `line ${from + index} ${padding}`)
const write = (path: string, from: number, to: number) =>
  writeFileSync(
    path,
    lines(from, to)
      .map((line) => `${line}\n`)
      .join(''),
  )

test('a file that was emptied and has grown beyond where reading was with lines that end alike is read from its beginning', async () => {
  running = new RunningPipeline((folder) => ({ files: [filesAt(`${folder}/app.log`)] }))
  const path = running.path('app.log')
  write(path, 1000, 1010)
  await running.start()
  await running.untilLines(10)
  write(path, 2000, 2015)
  expect(await running.untilLines(25)).toEqual([...lines(1000, 1010), ...lines(2000, 2015)])
  expect(running.pipeline.status().total.truncations).toBe(1)
})

test('so is one that was emptied after a start, before anything of it was read again', async () => {
  running = new RunningPipeline((folder) => ({ files: [filesAt(`${folder}/app.log`)] }))
  const path = running.path('app.log')
  write(path, 1000, 1010)
  await running.start()
  await running.untilLines(10)
  await running.stop()
  running.sink.block()
  await running.start()
  await running.until(() => running!.pipeline.status().origins[0]?.files.length === 1)
  write(path, 2000, 2015)
  running.sink.unblock()
  expect(await running.untilLines(25)).toEqual([...lines(1000, 1010), ...lines(2000, 2015)])
})

test('content that was given up and comes back after all is read', async () => {
  running = new RunningPipeline((folder) => ({ files: [filesAt(`${folder}/app.log`)] }))
  const path = running.path('app.log')
  running.sink.isAcknowledging = false
  write(path, 1000, 1010)
  await running.start()
  await running.untilLines(10)
  await running.stop()
  const content = readFileSync(path)
  rmSync(path)
  write(path, 2000, 2005)
  running.sink.isAcknowledging = true
  await running.start()
  await running.until(() => running!.pipeline.status().total.goneFiles === 1)
  writeFileSync(`${path}.1.gz`, gzipSync(content))
  expect((await running.untilLines(25)).slice(10).toSorted()).toEqual([...lines(1000, 1010), ...lines(2000, 2005)])
})
