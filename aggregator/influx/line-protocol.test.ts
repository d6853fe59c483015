import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { columnOf } from '../catalog.ts'
import type { MetricName } from '../catalog.ts'
import { createEntity } from '../entity.ts'
import { createMetricSet } from '../metric-set.ts'
import type { Batch } from '../metric-set.ts'
import { cleanTagValue, encodeTags } from '../../lib/line-protocol.ts'
import type { ClusterEvent } from '../events.ts'
import { LineEncoder } from './line-protocol.ts'
import type { SeriesGuard } from './series-guard.ts'

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

  it('is read alike where InfluxDB looks for the end of a line, which takes backslashes in pairs', () => {
    const text = fc.string({ unit: fc.constantFrom('\\', ',', '=', ' ', '"', 'a'), maxLength: 12 })
    fc.assert(
      fc.property(text, text, (name, image) => {
        const { lines } = encode(batchOf({ 'cpu/usage_rate': 1 }, { pod_name: name, container_base_image: image }))
        let at = 0
        while (lines[at] !== ' ') at += lines[at] === '\\' ? 2 : 1
        expect(lines.slice(at)).toBe(' value=1i 1700000000123000000\n')
      }),
      { numRuns: 2000 },
    )
    expect(['a\\', 'a\\\\', '\\ b', '\\\\,b', '\\\\\\=', '\\b'].map((value) => cleanTagValue(value, 100))).toEqual([
      'a\\\\ ',
      'a\\\\ ',
      '\\\\ b',
      '\\\\,b',
      '\\\\\\\\=',
      '\\b',
    ])
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

  it('leaves lent bytes alone until they are given back, and then uses them again', () => {
    const encoder = new LineEncoder({ clusterName: 'default' })
    encoder.addBatch(batchOf({ uptime: 1 }))
    const first = encoder.lend()
    encoder.addBatch(batchOf({ 'cpu/usage': 2 }))
    const second = encoder.lend()
    expect([first, second].map(({ lines }) => lines.toString().split(',')[0])).toEqual(['uptime', 'cpu/usage'])
    first.release()
    first.release()
    encoder.lend().release()
    encoder.addBatch(batchOf({ uptime: 3 }))
    const third = encoder.lend()
    expect(third.lines.buffer).toBe(first.lines.buffer)
    expect(second.lines.toString()).toContain('value=2i')
  })

  it('writes the schema with fields: a line per first part of the names, the rest as fields', () => {
    const encoder = new LineEncoder({ clusterName: 'default', schema: 'withfields' })
    const batch = batchOf({ uptime: 5, 'cpu/usage': 7, 'cpu/usage_rate': 1.6, 'network/rx_rate': 0.5 })
    const { labelled } = batch.sets.get('key')!
    labelled.push({ column: columnOf('filesystem/usage'), resource: '/', value: 1 })
    labelled.push({ column: columnOf('filesystem/usage'), resource: 'logs', value: 3 })
    labelled.push({ column: columnOf('filesystem/limit'), resource: '/', value: 2 })
    encoder.addBatch(batch)
    const { lines, counts } = encoder.take()
    expect(lines.toString().split('\n').slice(0, -1)).toEqual([
      'uptime,cluster_name=default,type=pod value=5i 1700000000123000000',
      'cpu,cluster_name=default,type=pod usage=7i,usage_rate=2i 1700000000123000000',
      'network,cluster_name=default,type=pod rx_rate=0.5 1700000000123000000',
      'filesystem,cluster_name=default,resource_id=/,type=pod usage=1i,limit=2i 1700000000123000000',
      'filesystem,cluster_name=default,resource_id=logs,type=pod usage=3i 1700000000123000000',
    ])
    expect(counts).toEqual({ points: 5, dropped: 0, refused: 0 })
  })

  it('makes tags of the labels that are allowed, and leaves counters out where they are not wanted', () => {
    const encoder = new LineEncoder({ clusterName: 'c', tags: ['labels', 'pod_id'], hasCounters: false })
    encoder.addBatch(batchOf({ uptime: 5, 'cpu/usage_rate': 1 }, { pod_name: 'p', pod_id: 'u', labels: 'a:b', container_base_image: 'i' }))
    expect(encoder.take().lines.toString()).toBe(
      'cpu/usage_rate,cluster_name=c,labels=a:b,pod_id=u,pod_name=p,type=pod value=1i 1700000000123000000\n',
    )
  })

  it('writes nothing for series that the guard refuses, and asks it once', () => {
    let asked = 0
    const guard = { epoch: 1, admit: (_: unknown, member: number) => (asked++, member !== columnOf('cpu/usage')) } as unknown as SeriesGuard
    const encoder = new LineEncoder({ clusterName: 'c', guard })
    const batch = batchOf({ 'cpu/usage_rate': 1, 'cpu/usage': 1 })
    for (let round = 0; round < 3; round++) encoder.addBatch(batch)
    expect(encoder.take().counts).toEqual({ points: 3, dropped: 0, refused: 3 })
    expect(asked).toBe(2)
  })

  it('asks the guard once about a refused series of a resource', () => {
    let asked = 0
    const guard = { epoch: 1, admit: () => (asked++, false) } as unknown as SeriesGuard
    const encoder = new LineEncoder({ clusterName: 'c', guard })
    const batch = batchOf({})
    batch.sets.get('key')!.labelled.push({ column: columnOf('filesystem/usage'), resource: '/', value: 1 })
    for (let round = 0; round < 3; round++) encoder.addBatch(batch)
    expect([encoder.take().counts.refused, asked]).toEqual([3, 1])
  })

  it('writes events without a series for each, at times that tell them apart', () => {
    const event = (uid: string): ClusterEvent => ({
      uid,
      namespace: 'default',
      type: 'Warning',
      reason: 'BackOff',
      message: 'said "no"\nand left\\',
      object: { kind: 'Pod', namespace: 'default', name: 'web', uid: 'pod-uid' },
      component: 'kubelet',
      host: 'n1',
      count: 3,
      added: 1,
      firstSeen: 1_700_000_000_000,
      lastSeen: 1_700_000_060_000,
    })
    const encoder = new LineEncoder({ clusterName: 'c', schema: 'withfields' })
    encoder.addEvent(event('one'))
    encoder.addEvent(event('two'))
    encoder.addEvent(event('one'))
    const lines = encoder.take().lines.toString().split('\n').slice(0, -1)
    expect(lines[0]).toMatch(
      /^events,cluster_name=c,component=kubelet,hostname=n1,kind=Pod,namespace_name=default,object_name=web,pod_name=web,reason=BackOff,type=Warning message="said \\"no\\" and left\\\\",count=3i,uid="one" 1700000060\d{9}$/,
    )
    expect(new Set(lines).size).toBe(2)
    const old = new LineEncoder({ clusterName: 'c' })
    old.addEvent(event('one'))
    const [head] = old.take().lines.toString().split(' value="')
    expect(head).toBe('log/events,cluster_name=c,hostname=n1,namespace_name=default,pod_name=web')
  })
})
