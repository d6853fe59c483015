import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { columnOf } from '../catalog.ts'
import type { MetricName } from '../catalog.ts'
import { createEntity } from '../entity.ts'
import { createMetricSet } from '../metric-set.ts'
import type { Batch } from '../metric-set.ts'
import { cleanTagValue, encodeTags } from '../../lib/line-writer.ts'
import { LineEncoder } from './line-protocol.ts'

function batchOf(values: Partial<Record<MetricName, number>>, labels: Readonly<Record<string, string>> = {}): Batch {
  const set = createMetricSet(createEntity('pod', 'key', labels))
  for (const [name, value] of Object.entries(values)) set.values[columnOf(name as MetricName)] = value
  return { nodeName: 'n1', timestamp: 1_700_000_000_123, sets: new Map([['key', set]]) }
}

function encode(batch: Batch): { readonly lines: string; readonly points: number; readonly dropped: number } {
  const encoder = new LineEncoder({ clusterName: 'default' })
  encoder.addBatch(batch)
  const { lines, counts } = encoder.take()
  return { lines: lines.toString(), ...counts }
}

/** The parts of a line by the rules of the protocol: an unescaped comma, space or equals sign separates. */
function parseLine(line: string): { readonly measurement: string; readonly tags: Record<string, string>; readonly rest: string } {
  const unescape = (text: string) => text.replaceAll(/\\([,= ])/g, '$1')
  const [key, ...rest] = line.split(/(?<!\\) /)
  const [measurement, ...pairs] = key!.split(/(?<!\\),/)
  return {
    measurement: unescape(measurement!),
    tags: Object.fromEntries(pairs.map((pair) => pair.split(/(?<!\\)=/).map(unescape))),
    rest: rest.join(' '),
  }
}

describe('the line encoder', () => {
  it('writes the schema of Heapster: metric name, sorted tags without ids and label texts, field value, nanoseconds', () => {
    const labels = { nodename: 'n1', pod_name: 'web', pod_id: 'uid', hostname: 'h', labels: 'app:web,tier:a b' }
    expect(encode(batchOf({ 'cpu/usage_rate': 12.6 }, labels)).lines).toBe(
      'cpu/usage_rate,cluster_name=default,nodename=n1,pod_name=web,type=pod value=13i 1700000000123000000\n',
    )
  })

  it('puts the resource of a labelled metric among the tags, in order', () => {
    const batch = batchOf({})
    batch.sets.get('key')!.labelled.push({ column: columnOf('filesystem/usage'), resource: 'Volume:a b', value: 5 })
    expect(encode(batch).lines).toBe(
      'filesystem/usage,cluster_name=default,resource_id=Volume:a\\ b,type=pod value=5i 1700000000123000000\n',
    )
  })

  it('writes integers as integers and floats with every digit', () => {
    fc.assert(
      fc.property(fc.oneof(fc.maxSafeInteger(), fc.double({ noNaN: true, noDefaultInfinity: true, min: -9e18, max: 9e18 })), (value) => {
        const [integer] = /value=(\S+)i /.exec(encode(batchOf({ 'cpu/usage': value })).lines)!.slice(1)
        expect(integer).toBe(String(BigInt(Math.round(value))))
        const [float] = /value=(\S+) /.exec(encode(batchOf({ 'network/rx_rate': value })).lines)!.slice(1)
        expect(Number(float)).toBe(value === 0 ? 0 : value)
      }),
    )
  })

  it('leaves out and counts what is not a finite 64-bit number', () => {
    expect(encode(batchOf({ 'cpu/usage_rate': Infinity, 'network/rx_rate': -Infinity, 'cpu/usage': 2 ** 63, uptime: 1 }))).toMatchObject({
      points: 1,
      dropped: 3,
    })
  })

  it('never lets a label end a line, a tag or a field', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }),
        fc.string({ unit: fc.constantFrom('\\', ',', '=', ' ', '\n', '\r', 'a') }),
        (name, image) => {
          const { lines } = encode(batchOf({ 'cpu/usage_rate': 1 }, { pod_name: name, container_base_image: image }))
          expect(lines.match(/\n/g)).toHaveLength(1)
          const { measurement, tags, rest } = parseLine(lines.trimEnd())
          expect(measurement).toBe('cpu/usage_rate')
          expect(rest).toBe('value=1i 1700000000123000000')
          const cleaned = { pod_name: cleanTagValue(name, 1024), container_base_image: cleanTagValue(image, 1024) }
          expect(tags).toEqual({
            cluster_name: 'default',
            type: 'pod',
            ...Object.fromEntries(Object.entries(cleaned).filter(([, value]) => value !== '')),
          })
        },
      ),
      { numRuns: 500 },
    )
  })

  it('bounds the length of tags and leaves empty ones out', () => {
    expect(encodeTags({ pod_name: 'x'.repeat(5000), nodename: '' })).toBe(`,pod_name=${'x'.repeat(1024)}`)
  })

  it('hands out full batches on the way', () => {
    const encoder = new LineEncoder({ clusterName: 'default' })
    const sizes: number[] = []
    for (let count = 0; count < 7; count++)
      encoder.addBatch(batchOf({ uptime: 1, 'cpu/usage': 1 }), 4, () => sizes.push(encoder.take().counts.points))
    expect([sizes, encoder.points]).toEqual([[4, 4, 4], 2])
  })
})
