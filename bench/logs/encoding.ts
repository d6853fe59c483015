import { ByteWriter } from '../../lib/byte-writer.ts'
import { lineText, logLevels, logStreams } from '../../collector/logs/log-batch.ts'
import type { LogBatch } from '../../collector/logs/log-batch.ts'
import { JsonLineEncoder } from '../../collector/logs/sinks/encoding/json-lines.ts'
import { fakeBatch, fakeOrigin } from '../../collector/logs/sinks/fake-batches.ts'
import type { Measurement } from '../measurement.ts'

const linesPerBatch = 1000
const textBytes = 200
const seconds = 1.5

/** Lines of 200 bytes as NDJSON on one core, beside an object and `JSON.stringify` per line. */
export async function measureLogEncoding(): Promise<readonly Measurement[]> {
  const clean = createBatch('GET /api/v1/namespaces/default/pods 200 12ms user-agent=probe/1.2 ')
  const quoted = createBatch('{"method":"GET","path":"/api/v1/pods","status":200,"ms":12} ')
  const encoder = new JsonLineEncoder()
  const writer = new ByteWriter()
  const encode = (batch: LogBatch) => {
    for (let index = 0; index < batch.count; index++) {
      encoder.append(writer, batch, index)
      writer.reserve(1)
      writer.appendByte(0x0a)
    }
    writer.lend().release()
  }
  const cleanRate = linesPerSecond(() => encode(clean))
  const quotedRate = linesPerSecond(() => encode(quoted))
  const peerRate = linesPerSecond(() => void stringify(clean))
  const millions = (rate: number) => `${(rate / 1e6).toFixed(2)} M lines/s`
  return [
    {
      what: 'log lines of 200 bytes as NDJSON on one core',
      value: `${millions(cleanRate)}; of JSON in JSON ${millions(quotedRate)}`,
      peer: `an object and JSON.stringify per line ${millions(peerRate)}, ratio ${(cleanRate / peerRate).toFixed(1)}`,
      aim: '≥ 1 M lines/s',
    },
  ]
}

function createBatch(text: string): LogBatch {
  const line = text.repeat(10).slice(0, textBytes)
  return fakeBatch(
    Array.from({ length: linesPerBatch }, () => line),
    { origin: fakeOrigin() },
  )
}

function stringify(batch: LogBatch): Buffer {
  const lines = Array.from({ length: batch.count }, (_, index) => {
    const time = batch.times[index]!
    const ms = new Date(Number(time / 1_000_000n)).toISOString().slice(0, -1)
    return JSON.stringify({
      '@timestamp': `${ms}${String(time % 1_000_000n).padStart(6, '0')}Z`,
      message: lineText(batch, index),
      level: logLevels[batch.levels[index]!],
      stream: logStreams[batch.streams[index]!],
      id: `${batch.file}-${batch.positions[index]!.toString(36)}`,
      origin: batch.origin,
    })
  })
  return Buffer.from(lines.join('\n'))
}

function linesPerSecond(round: () => void): number {
  for (let warmUp = 0; warmUp < 200; warmUp++) round()
  const begun = performance.now()
  let rounds = 0
  while (performance.now() - begun < seconds * 1000) {
    round()
    rounds++
  }
  return (rounds * linesPerBatch * 1000) / (performance.now() - begun)
}

if (import.meta.main) {
  for (const { what, value, peer = '', aim } of await measureLogEncoding()) process.stdout.write(`${what}: ${value} (aim ${aim}) ${peer}\n`)
}
