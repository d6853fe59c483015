import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { fakeBatch, fakeOrigin } from '../../../collector/logs/sinks/fake-batches.ts'
import { createHttpReceiver, readNdjson } from '../../../collector/logs/sinks/fake-receivers.ts'
import { hostileTexts } from '../../../collector/logs/sinks/sender.contract.ts'
import type { LogSink } from '../../../collector/logs/sinks/sink.ts'
import { createLogSink, readLogSinks } from '../../../collector/logs/sinks/sinks.ts'
import type { LogSinkSettings } from '../../../collector/logs/sinks/sinks.ts'
import { systemClock } from '../../../lib/clock.ts'
import { DocumentReader } from '../../../lib/document.ts'
import { silentLog } from '../../../lib/log.ts'
import { systemRandom } from '../../../lib/random.ts'
import { createInfluxServer } from '../influx-server.ts'
import type { InfluxServer } from '../influx-server.ts'
import { startRsyslog } from './rsyslog.ts'

describe('log lines at their receivers', () => {
  let dir: string
  let sinks: LogSink[]
  const { signal } = new AbortController()
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'binnacle-log-sinks-'))
    sinks = []
  })
  afterEach(async () => {
    for (const sink of sinks) await sink.stop()
    await rm(dir, { recursive: true, force: true })
  })
  function settingsOf(options: string): LogSinkSettings {
    const reader = new DocumentReader('logs.yaml', `[{${options}, batch: {max_delay: 50ms}}]`)
    const [settings] = readLogSinks(reader, reader.root)
    reader.finish()
    return settings!
  }
  async function open(options: string): Promise<LogSink> {
    const context = { clock: systemClock, random: systemRandom, log: silentLog, nodeName: 'n1', dataFolder: dir }
    const sink = createLogSink(settingsOf(options), context)
    sinks.push(sink)
    await sink.start()
    return sink
  }
  async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
    for (let tries = 0; tries < 400 && !(await condition()); tries++) await sleep(25)
    expect(await condition()).toBe(true)
  }

  describe('InfluxDB', () => {
    let server: InfluxServer
    beforeAll(async () => {
      server = await createInfluxServer()
      await server.start()
    })
    afterAll(() => server.remove())

    it('has every line once, as it was, whatever is in it and however often it is sent', async () => {
      const time = BigInt(Date.now() - 60_000) * 1_000_000n
      const sink = await open(`type: influxdb, url: "${server.url}", database: hostile`)
      const batches = [
        fakeBatch([...hostileTexts, ...Array.from({ length: 500 }, () => 'the same at the same time')], { time }),
        fakeBatch(hostileTexts, {
          file: 'file-2',
          time,
          origin: fakeOrigin('we"ird,tag= \\', { namespace: 'line\nend', pod: 'back\\slash\\' }),
        }),
      ]
      for (let round = 0; round < 2; round++) await Promise.all(batches.map((batch) => sink.deliver(batch, signal)))
      expect(sink.stats().dropped).toEqual({})
      const series = await server.query('SELECT text, id FROM logs', 'hostile')
      const stored = series.flatMap(({ values }) => values.map(([, text, id]) => [id, text]))
      expect(stored).toHaveLength(2 * hostileTexts.length + 500)
      const texts = new Set(stored.map(([, text]) => text))
      const clean = (text: string) => text.replaceAll(/(?![\t\n])\p{Cc}/gu, ' ')
      expect(hostileTexts.map(clean).filter((text) => !texts.has(text))).toEqual([])
      expect((await server.query('SHOW MEASUREMENTS', 'hostile'))[0]!.values).toEqual([['logs']])
    })

    it('refuses lines beyond its retention; they are kept as refused, and the others are stored', async () => {
      await server.query('CREATE DATABASE "short" WITH DURATION 1h')
      const sink = await open(`type: influxdb, url: "${server.url}", database: short`)
      const now = BigInt(Date.now()) * 1_000_000n
      const old = now - 86_400n * 1_000_000_000n
      await Promise.all([
        sink.deliver(fakeBatch(['a', 'b', 'c'], { time: now }), signal),
        sink.deliver(fakeBatch(['old', 'older'], { file: 'file-2', time: old }), signal),
      ])
      expect(sink.stats()).toMatchObject({ accepted: 5, delivered: 3, dropped: { retention: 2 } })
      const series = await server.query('SELECT text FROM logs', 'short')
      expect(series.flatMap(({ values }) => values.map(([, text]) => String(text))).sort()).toEqual(['a', 'b', 'c'])
    })

    it('has everything after it was away', async () => {
      const sink = await open(`type: influxdb, url: "${server.url}", database: outage`)
      const time = BigInt(Date.now()) * 1_000_000n
      await sink.deliver(fakeBatch(['before'], { time }), signal)
      await server.kill()
      for (let number = 0; number < 50; number++)
        await sink.deliver(fakeBatch([`during ${number}`], { from: 1000 + number * 100, time }), signal)
      expect(sink.stats()).toMatchObject({ isHealthy: false, delivered: 1, dropped: {} })
      await server.start()
      await until(() => sink.stats().delivered === 51)
      const [series] = await server.query('SELECT count(text) FROM logs', 'outage')
      expect(series!.values[0]![1]).toBe(51)
    })
  })

  it('rsyslogd understands every message, and has all of them after it was killed', async () => {
    const server = await startRsyslog()
    try {
      const sink = await open(`type: syslog, address: "tcp://127.0.0.1:${server.port}", facility: local0`)
      await sink.deliver(fakeBatch(hostileTexts, { origin: fakeOrigin('we"ird]', { pod: 'po d' }) }), signal)
      await until(async () => (await server.messages()).length >= hostileTexts.length)
      const messages = await server.messages()
      // The tab by rsyslogd itself.
      const escaped = (text: string) =>
        text.replaceAll(/\p{Cc}/gu, (control) => (control === '\n' ? '\\n' : `#${control.charCodeAt(0).toString(8).padStart(3, '0')}`))
      expect(messages.map(({ text }) => text.trimEnd())).toEqual(hostileTexts.map((text) => escaped(text).trimEnd()))
      expect(messages[0]).toMatchObject({
        data: '[origin@32473 namespace="default" pod="po d" container="we\\"ird\\]" id="file-1-0"]',
        host: 'n1',
        app: 'we"ird]',
        time: '2025-11-21T09:14:32.123456Z',
      })
      await server.kill()
      for (let number = 0; number < 20; number++) await sink.deliver(fakeBatch([`during ${number}`], { from: 1e6 + number * 100 }), signal)
      await server.restart()
      await until(() => sink.stats().waiting + sink.stats().spooled === 0)
      const texts = new Set((await server.messages()).map(({ text }) => text))
      expect(Array.from({ length: 20 }, (_, number) => `during ${number}`).filter((text) => !texts.has(text))).toEqual([])
    } finally {
      await server.remove()
    }
  })

  it('nothing that was called safe is lost when the process is killed, again and again, while the receiver comes and goes', async () => {
    const receiver = await createHttpReceiver(readNdjson)
    const settings = settingsOf(`type: webhook, url: "http://127.0.0.1:${receiver.port}/"`)
    const safe = [0, 0, 0, 0]
    const fate = setInterval(() => (receiver.behaviour = Math.random() < 0.5 ? 'good' : 'unavailable'), 150)
    try {
      for (let round = 0; round < 4; round++) {
        const args = [join(import.meta.dirname, 'log-sink-process.ts'), JSON.stringify(settings), dir, JSON.stringify(safe)]
        const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
        let rest = ''
        child.stdout.on('data', (chunk: Buffer) => {
          const lines = (rest + chunk).split('\n')
          rest = lines.pop()!
          for (const line of lines) {
            const [file, position] = line.split(' ').map(Number)
            // As a reader would note it: only what is safe without a gap before it. Batches of a file are called safe in order.
            safe[file!] = Math.max(safe[file!]!, position!)
          }
        })
        await sleep(700 + 300 * round)
        child.kill('SIGKILL')
        await once(child, 'close')
      }
    } finally {
      clearInterval(fate)
      receiver.behaviour = 'good'
    }
    const sink = createLogSink(settings, { clock: systemClock, random: systemRandom, log: silentLog, nodeName: 'n1', dataFolder: dir })
    sinks.push(sink)
    await sink.start()
    await until(() => sink.stats().waiting + sink.stats().spooled === 0)
    await receiver.close()
    const arrived = new Map<string, string>()
    const torn = receiver.lines.filter(({ key, text }) => arrived.has(key) && arrived.get(key) !== text)
    for (const { key, text } of receiver.lines) arrived.set(key, text)
    expect(torn).toEqual([])
    expect(Math.min(...safe)).toBeGreaterThan(1000)
    const missing = safe.flatMap((end, file) =>
      Array.from({ length: end / 20 }, (_, line) => `file-${file}-${(line * 20).toString(36)}`).filter((id) => !arrived.has(id)),
    )
    expect(missing).toEqual([])
    expect(sink.stats().dropped).toEqual({})
  })
})
