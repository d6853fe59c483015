import {
  appendFileSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { gzipSync } from 'node:zlib'
import { afterEach, expect, test } from 'vitest'
import { filesAt, RunningPipeline } from './testing/running-pipeline.ts'

let running: RunningPipeline | undefined

async function open(...options: ConstructorParameters<typeof RunningPipeline>): Promise<RunningPipeline> {
  running = new RunningPipeline(...options)
  return running.start()
}

const oneFile = (folder: string) => ({ files: [filesAt(`${folder}/app.log`)] })
const everything = { kinds: [], namespaces: [], pods: [], containers: [], images: [], ids: [], selector: undefined }
const numbered = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => `line ${from + index}`)
/** Whether this process has the file open. */
function isOpen(path: string): boolean {
  return readdirSync('/proc/self/fd').some((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === path
    } catch {
      return false
    }
  })
}
const asText = (lines: readonly string[]) => lines.map((line) => `${line}\n`).join('')

afterEach(async () => {
  await running?.dispose()
  running = undefined
})

test('lines come in order, those that were there and those that come', async () => {
  running = new RunningPipeline(oneFile)
  writeFileSync(running.path('app.log'), asText(numbered(0, 100)))
  await running.start()
  appendFileSync(running.path('app.log'), asText(numbered(100, 200)))
  expect(await running.untilLines(200)).toEqual(numbered(0, 200))
})

test('a file that comes later is found', async () => {
  const { sink } = await open(oneFile)
  writeFileSync(running!.path('app.log'), 'hello\n')
  await running!.untilLines(1)
  expect(sink.lines()[0]).toMatchObject({ text: 'hello', origin: `file/${running!.path('app.log')}` })
})

test('a line without an end waits for it', async () => {
  await open(oneFile)
  writeFileSync(running!.path('app.log'), 'one\nhal')
  await running!.untilLines(1)
  appendFileSync(running!.path('app.log'), 'f\n')
  expect(await running!.untilLines(2)).toEqual(['one', 'half'])
})

test.each(['rename', 'unlink'])(
  'nothing is lost or told twice while files are rotated by %s',
  async (how) => {
    await open(oneFile)
    const path = running!.path('app.log')
    let next = 0
    for (let round = 0; round < 12; round++) {
      for (let block = 0; block < 5; block++) {
        appendFileSync(path, asText(numbered(next, next + 50)))
        next += 50
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
      if (how === 'rename') {
        for (let number = 8; number > 0; number--) {
          try {
            renameSync(`${path}.${number}`, `${path}.${number + 1}`)
          } catch {}
        }
        renameSync(path, `${path}.1`)
      } else unlinkSync(path)
      // Docker's new file comes at once, others' later.
      writeFileSync(path, '')
    }
    expect(await running!.untilLines(next)).toEqual(numbered(0, next))
  },
  20_000,
)

test('a writer that goes on in the renamed file is heard', async () => {
  await open(oneFile)
  const path = running!.path('app.log')
  writeFileSync(path, 'one\n')
  await running!.untilLines(1)
  renameSync(path, `${path}.1`)
  writeFileSync(path, 'three\n')
  await running!.untilLines(2)
  appendFileSync(`${path}.1`, 'two\n')
  expect((await running!.untilLines(3)).toSorted()).toEqual(['one', 'three', 'two'])
})

test('after a stop reading goes on behind what was acknowledged', async () => {
  await open(oneFile)
  const path = running!.path('app.log')
  writeFileSync(path, asText(numbered(0, 10)))
  await running!.untilLines(10)
  await running!.stop()
  appendFileSync(path, asText(numbered(10, 20)))
  await running!.start()
  expect(await running!.untilLines(20)).toEqual(numbered(0, 20))
})

test('what was not acknowledged comes again, under the same ids', async () => {
  running = new RunningPipeline(oneFile)
  running.sink.isAcknowledging = false
  writeFileSync(running.path('app.log'), asText(numbered(0, 5)))
  await running.start()
  await running.untilLines(5)
  const before = running.sink.lines()
  await running.stop()
  running.sink.isAcknowledging = true
  await running.start()
  await running.untilLines(10)
  expect(running.sink.lines().slice(5)).toEqual(before.map((line) => ({ ...line, time: expect.any(BigInt) as bigint })))
})

test('an acknowledgement counts only when those before it have come', async () => {
  running = new RunningPipeline(oneFile)
  const { sink } = running
  sink.isAcknowledging = false
  writeFileSync(running.path('app.log'), 'one\n')
  await running.start()
  await running.untilLines(1)
  appendFileSync(running.path('app.log'), 'two\n')
  await running.untilLines(2)
  sink.pending.pop()!()
  await running.stop()
  sink.isAcknowledging = true
  sink.batches.length = 0
  await running.start()
  expect(await running.untilLines(2)).toEqual(['one', 'two'])
})

test('what was rotated while nobody read is read first, the oldest first, compressed or not', async () => {
  await open(oneFile)
  const path = running!.path('app.log')
  writeFileSync(path, asText(numbered(0, 10)))
  await running!.untilLines(10)
  await running!.stop()
  appendFileSync(path, asText(numbered(10, 20)))
  writeFileSync(`${path}.3.gz`, gzipSync(readFileSync(path)))
  rmSync(path)
  writeFileSync(`${path}.2`, asText(numbered(20, 30)))
  writeFileSync(`${path}.1`, asText(numbered(30, 40)))
  writeFileSync(path, asText(numbered(40, 50)))
  await running!.start()
  expect(await running!.untilLines(50)).toEqual(numbered(0, 50))
}, 20_000)

test('what is compressed while rotated files are looked at is found in its new form', async () => {
  await open(oneFile)
  const path = running!.path('app.log')
  // So much that telling whether a compressed file holds it takes a while.
  writeFileSync(path, asText(numbered(50_000, 100_000)))
  await running!.untilLines(50_000)
  await running!.stop()
  writeFileSync(`${path}.2.gz`, gzipSync(asText(numbered(0, 50_000))))
  appendFileSync(path, asText(numbered(100_000, 100_010)))
  renameSync(path, `${path}.1`)
  writeFileSync(path, asText(numbered(100_010, 100_020)))
  const compressed = gzipSync(readFileSync(`${path}.1`))
  const started = running!.start()
  while (!isOpen(`${path}.2.gz`)) await new Promise((resolve) => setImmediate(resolve))
  writeFileSync(`${path}.1.gz`, compressed)
  unlinkSync(`${path}.1`)
  await started
  const lines = await running!.untilLines(100_020)
  expect(new Set(lines)).toEqual(new Set(numbered(0, 100_020)))
  expect(running!.pipeline.status().total.goneFiles).toBe(0)
}, 20_000)

test('a file that is emptied is read from its beginning, under other ids', async () => {
  await open(oneFile)
  const path = running!.path('app.log')
  writeFileSync(path, asText(numbered(0, 10)))
  await running!.untilLines(10)
  truncateSync(path)
  appendFileSync(path, asText(numbered(0, 5)))
  await running!.untilLines(15)
  const lines = running!.sink.lines()
  expect(lines.map(({ text }) => text)).toEqual([...numbered(0, 10), ...numbered(0, 5)])
  expect(new Set(lines.map(({ id }) => id)).size).toBe(15)
  expect(running!.pipeline.status().total.truncations).toBe(1)
})

test('a file that was emptied and has grown beyond where reading was is read from its beginning', async () => {
  await open(oneFile)
  const path = running!.path('app.log')
  writeFileSync(path, asText(numbered(0, 10)))
  await running!.untilLines(10)
  writeFileSync(path, asText(numbered(100, 150)))
  expect(await running!.untilLines(60)).toEqual([...numbered(0, 10), ...numbered(100, 150)])
})

test('what a copy has and the emptied file was not read of is read from the copy', async () => {
  running = new RunningPipeline(oneFile)
  const path = running.path('app.log')
  writeFileSync(path, asText(numbered(0, 10)))
  await running.start()
  await running.untilLines(10)
  running.sink.block()
  appendFileSync(path, asText(numbered(10, 20)))
  await new Promise((resolve) => setTimeout(resolve, 100))
  copyFileSync(path, `${path}.1`)
  truncateSync(path)
  appendFileSync(path, asText(numbered(20, 25)))
  running.sink.unblock()
  expect((await running.untilLines(25)).toSorted()).toEqual(numbered(0, 25).toSorted())
  expect(new Set(running.sink.lines().map(({ id }) => id)).size).toBe(25)
  expect(running.pipeline.status().total.lostBytes).toEqual({})
})

test('bytes that were there and were emptied before they were read are counted', async () => {
  running = new RunningPipeline(oneFile)
  const path = running.path('app.log')
  writeFileSync(path, asText(numbered(0, 10)))
  await running.start()
  await running.untilLines(10)
  running.sink.block()
  appendFileSync(path, 'never read\n')
  await running.until(() => running!.pipeline.status().origins[0]?.files[0]?.lagBytes === 11)
  truncateSync(path)
  running.sink.unblock()
  await running.until(() => running!.pipeline.status().total.lostBytes['truncated'] === 11)
  expect(running.pipeline.status().total.truncations).toBe(1)
})

test('accounts go on after a restart', async () => {
  const rules = [{ match: everything, drop: ['odd'], keep: [], sample: [], metrics: [] }]
  await open((folder) => ({ ...oneFile(folder), rules }))
  const path = running!.path('app.log')
  writeFileSync(path, 'one\nodd\n')
  await running!.until(() => running!.pipeline.status().total.acknowledgedLines === 1)
  await running!.stop()
  appendFileSync(path, 'odd\ntwo\n')
  await running!.start()
  await running!.until(() => running!.pipeline.status().total.acknowledgedLines === 2)
  const { total, origins } = running!.pipeline.status()
  expect(total).toMatchObject({ readLines: 4, readBytes: 16, lostLines: { drop: 2 }, lostBytes: { drop: 6 } })
  expect(origins).toMatchObject([{ id: `file/${path}`, readLines: 4, lostLines: { drop: 2 } }])
})

test('a lost line that is met again after a crash is counted once', async () => {
  const rules = [{ match: everything, drop: ['odd'], keep: [], sample: [], metrics: [] }]
  await open((folder) => ({ ...oneFile(folder), rules }))
  const path = running!.path('app.log')
  writeFileSync(path, 'odd\none\n')
  await running!.until(() => running!.pipeline.status().total.acknowledgedLines === 1)
  running!.sink.isAcknowledging = false
  appendFileSync(path, 'two\nodd\nodd\nthree\n')
  await running!.until(() => running!.pipeline.status().total.lostLines['drop'] === 3)
  await running!.stop()
  running!.sink.isAcknowledging = true
  await running!.start()
  await running!.until(() => running!.pipeline.status().total.acknowledgedLines === 3)
  expect(running!.pipeline.status().total.lostLines).toEqual({ drop: 3 })
})

test('without room nothing is read, and with room all of it', async () => {
  running = new RunningPipeline(oneFile)
  running.sink.block()
  writeFileSync(running.path('app.log'), asText(numbered(0, 10)))
  await running.start()
  await new Promise((resolve) => setTimeout(resolve, 150))
  expect(running.sink.texts()).toEqual([])
  running.sink.unblock()
  expect(await running.untilLines(10)).toEqual(numbered(0, 10))
})

test('what waits for its acknowledgement is bounded', async () => {
  running = new RunningPipeline((folder) => ({
    ...oneFile(folder),
    reading: { maxLineBytes: 65_536, maxUnacknowledgedBytes: 1024 * 1024, maxHeldBytes: 1e9, maxHeldFiles: 100, checkpointMs: 100 },
  }))
  running.sink.isAcknowledging = false
  writeFileSync(running.path('app.log'), 'x'.repeat(1000).concat('\n').repeat(8000))
  await running.start()
  await new Promise((resolve) => setTimeout(resolve, 400))
  expect(running.pipeline.status().unacknowledged.bytes).toBeLessThan(1.6 * 1024 * 1024)
  running.sink.isAcknowledging = true
  running.sink.acknowledgeAll()
  await running.untilLines(8000)
  await running.until(() => running!.pipeline.status().unacknowledged.bytes === 0)
})

test('one that writes much does not keep others waiting', async () => {
  running = new RunningPipeline((folder) => ({ files: [filesAt(`${folder}/*.log`)] }))
  writeFileSync(running.path('a.log'), `${'x'.repeat(99)}\n`.repeat(200_000))
  writeFileSync(running.path('b.log'), 'small\n')
  await running.start()
  await running.until(() => running!.sink.batches.some(({ origin }) => origin.id.endsWith('b.log')))
  expect(running.sink.batches.findIndex(({ origin }) => origin.id.endsWith('b.log'))).toBeLessThan(3)
})

test('rotated files of a pattern belong to the file they come from, and links are not followed unless wanted', async () => {
  running = new RunningPipeline((folder) => ({ files: [filesAt(`${folder}/*.log*`), filesAt(`${folder}/deep/**/*.txt`)] }))
  mkdirSync(running.path('deep/er'), { recursive: true })
  writeFileSync(running.path('a.log'), 'now\n')
  writeFileSync(running.path('a.log.1'), 'before\n')
  writeFileSync(running.path('deep/er/x.txt'), 'deep\n')
  writeFileSync(running.path('secret'), 'secret\n')
  symlinkSync(running.path('secret'), running.path('b.log'))
  await running.start()
  await running.untilLines(3)
  const origins = running.sink.lines().map(({ text, origin }) => `${origin.slice(running!.folder.length + 6)}: ${text}`)
  expect(origins.toSorted()).toEqual(['a.log: before', 'a.log: now', 'deep/er/x.txt: deep'])
})

test('from the end, only what comes later is read', async () => {
  running = new RunningPipeline((folder) => ({ files: [filesAt(`${folder}/app.log`, { from: 'end' })] }))
  writeFileSync(running.path('app.log'), 'old\n')
  writeFileSync(running.path('app.log.1'), 'older\n')
  await running.start()
  await new Promise((resolve) => setTimeout(resolve, 200))
  appendFileSync(running.path('app.log'), 'new\n')
  expect(await running.untilLines(1)).toEqual(['new'])
})

test('hostile content goes through, cut and made UTF-8, without harm to what follows', async () => {
  running = new RunningPipeline((folder) => ({
    ...oneFile(folder),
    reading: { maxLineBytes: 4096, maxUnacknowledgedBytes: 16e6, maxHeldBytes: 1e9, maxHeldFiles: 100, checkpointMs: 100 },
  }))
  const long = Buffer.alloc(10 * 1024 * 1024, 'y')
  const parts = [
    Buffer.from('a\xffb\n', 'latin1'),
    long,
    Buffer.from('\n'),
    Buffer.from('\x1b[31mred\x1b[0m\n\0\0\n\n{"log":"fake\\n"}\n'),
    Buffer.from('ä\n'),
  ]
  writeFileSync(running.path('app.log'), Buffer.concat(parts))
  await running.start()
  const texts = await running.untilLines(7)
  expect(texts[0]).toBe('a\ufffdb')
  expect(texts[1]!.startsWith('yyyy')).toBe(true)
  expect(texts[1]).toMatch(/ \[…10481664 bytes cut\]$/)
  expect(texts.slice(2)).toEqual(['\x1b[31mred\x1b[0m', '\0\0', '', '{"log":"fake\\n"}', 'ä'])
  expect(running.pipeline.status().total).toMatchObject({ cutLines: 1, cutBytes: 10_481_664 })
})

test('a file whose folder goes away is read to its end and forgotten', async () => {
  running = new RunningPipeline((folder) => ({ files: [filesAt(`${folder}/deep/*.log`)] }))
  mkdirSync(running.path('deep'))
  writeFileSync(running.path('deep/a.log'), 'one\nrest')
  await running.start()
  await running.untilLines(1)
  rmSync(running.path('deep'), { recursive: true })
  expect(await running.untilLines(2)).toEqual(['one', 'rest'])
})

test('removed files that are not read take no more of the disk than allowed; what is given up is counted', async () => {
  running = new RunningPipeline((folder) => ({
    ...oneFile(folder),
    reading: { maxLineBytes: 65_536, maxUnacknowledgedBytes: 16e6, maxHeldBytes: 150_000, maxHeldFiles: 100, checkpointMs: 100 },
  }))
  const path = running.path('app.log')
  running.sink.block()
  await running.start()
  // One block may be on its way already.
  for (let round = 0; round < 4; round++) {
    writeFileSync(path, `${'x'.repeat(99)}\n`.repeat(1000))
    const isThere = () =>
      running!.pipeline.status().origins.some(({ files }) => files.some((file) => !file.isRotated && file.lagBytes > 99_000))
    await running.until(isThere)
    unlinkSync(path)
    await running.until(() => running!.pipeline.status().origins[0]!.files.every(({ isRotated }) => isRotated))
  }
  await running.until(() => (running!.pipeline.status().total.lostBytes['held'] ?? 0) > 0)
  running.sink.unblock()
  await running.until(() => running!.pipeline.status().origins[0]!.files.length === 0)
  const { readBytes, lostBytes } = running.pipeline.status().total
  expect(readBytes + lostBytes['held']!).toBe(400_000)
  expect(running.sink.texts().length).toBeLessThan(4000)
}, 20_000)

test('an event that the kernel did not tell is made up for by a sweep', async () => {
  const { pipeline } = await open((folder) => ({ files: [filesAt(`${folder}/*/*/x.log`)] }))
  mkdirSync(running!.path('a/b'), { recursive: true })
  writeFileSync(running!.path('a/b/x.log'), 'found\n')
  expect(await running!.untilLines(1)).toEqual(['found'])
  expect(pipeline.status().origins).toHaveLength(1)
})
