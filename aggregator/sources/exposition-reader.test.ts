import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ExpositionError, readExposition } from './exposition-reader.ts'

const limits = { maxSeries: 100, maxNames: 10, maxLabels: 3, maxLength: 50 }
const read = (text: string, isOpenMetrics = false) => readExposition(text, isOpenMetrics, limits)
const plain = (text: string, isOpenMetrics = false) =>
  read(text, isOpenMetrics).samples.map((sample) => ({ ...sample, labels: { ...sample.labels } }))

describe('the reader of exposition pages', () => {
  it('reads values, labels, times and types of the text format', () => {
    const text = [
      '# HELP http_requests_total Requests.',
      '# TYPE http_requests_total counter',
      'http_requests_total{method="post",code="200"} 1027 1395066363000',
      'http_requests_total{method="post",code="400",} 3',
      '',
      '# a comment',
      'queue_depth 12.5',
      '  odd { a = "b\\\\c\\"d\\ne" } +Inf ',
      '# TYPE latency histogram',
      'latency_bucket{le="+Inf"} 144320',
      'latency_sum 5.3e4',
      'latency_count 144320',
    ].join('\n')
    expect(plain(text)).toEqual([
      { name: 'http_requests_total', type: 'counter', labels: { method: 'post', code: '200' }, value: 1027, timestamp: 1395066363000 },
      { name: 'http_requests_total', type: 'counter', labels: { method: 'post', code: '400' }, value: 3, timestamp: undefined },
      { name: 'queue_depth', type: 'gauge', labels: {}, value: 12.5, timestamp: undefined },
      { name: 'odd', type: 'gauge', labels: { a: 'b\\c"d\ne' }, value: Infinity, timestamp: undefined },
      { name: 'latency_bucket', type: 'counter', labels: { le: '+Inf' }, value: 144320, timestamp: undefined },
      { name: 'latency_sum', type: 'counter', labels: {}, value: 53000, timestamp: undefined },
      { name: 'latency_count', type: 'counter', labels: {}, value: 144320, timestamp: undefined },
    ])
  })

  it('reads OpenMetrics: suffixes, seconds, exemplars, the end', () => {
    const text = '# TYPE jobs counter\njobs_total{a="b"} 17.0 1520879607.789 # {trace="x"} 0.67\njobs_created 1\n# EOF\n'
    expect(plain(text, true)).toEqual([
      { name: 'jobs_total', type: 'counter', labels: { a: 'b' }, value: 17, timestamp: 1520879607789 },
      { name: 'jobs_created', type: 'gauge', labels: {}, value: 1, timestamp: undefined },
    ])
  })

  it.each([
    ['a page of OpenMetrics that was cut off', 'a 1\n', true, 1],
    ['something behind the end', '# EOF\na 1\n', true, 2],
    ['no value', 'a 1\nb\n', false, 2],
    ['a value that is none', 'a 0x10\n', false, 1],
    ['a label without quotes', 'a{b=c} 1\n', false, 1],
    ['labels that do not end', 'a{b="c" 1\n', false, 1],
    ['a text that does not end', 'a{b="c} 1\n', false, 1],
    ['a label twice', 'a{b="c",b="d"} 1\n', false, 1],
    ['an unknown escape', 'a{b="\\t"} 1\n', false, 1],
    ['an unknown type', '# TYPE a number\n', false, 1],
    ['a web page', '<html>\n', false, 1],
    ['too many words', 'a 1 2 3\n', false, 1],
    ['a carriage return', 'a 1\r\n', false, 1],
    ['a time that is none', 'a 1 NaN\n', false, 1],
  ])('refuses %s, naming the line', (_, text, isOpenMetrics, line) => {
    const error = (() => {
      try {
        read(text, isOpenMetrics)
      } catch (caught) {
        return caught
      }
    })()
    expect(error).toBeInstanceOf(ExpositionError)
    expect((error as ExpositionError).line).toBe(line)
  })

  it('counts what is beyond the limits and keeps the rest', () => {
    const many = Array.from({ length: 150 }, (_, index) => `a{i="${index}"} 1`).join('\n')
    expect(read(many)).toMatchObject({ cut: 50 })
    const names = Array.from({ length: 12 }, (_, index) => `n${index} 1`).join('\n')
    expect(read(names)).toMatchObject({ cut: 2 })
    expect(read('a{a="1",b="2",c="3",d="4"} 1\na{a="x"} 2').samples).toHaveLength(1)
    expect(read(`a{a="${'x'.repeat(51)}"} 1`).cut).toBe(1)
  })

  it('takes labels that are named like members of every object', () => {
    expect(plain('a{__proto__="x",constructor="y"} 1')[0]!.labels).toEqual(JSON.parse('{"__proto__":"x","constructor":"y"}'))
  })

  it('reads back whatever is written, and nothing else ever happens than an ExpositionError', () => {
    const value = fc.oneof(fc.double({ noNaN: true }), fc.integer())
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 40 }), value, (label, number) => {
        const escaped = label.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
        const text = `a{b="${escaped}"} ${number === Infinity ? '+Inf' : number === -Infinity ? '-Inf' : number}\n`
        const [sample] = read(text).samples
        expect(sample!.labels['b']).toBe(label)
        expect(sample!.value).toBe(Object.is(number, -0) ? 0 : number)
      }),
    )
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('a', '{', '}', '"', '\\', ',', '=', ' ', '1', '#', '\n', '.', 'e') }), (text) => {
        try {
          read(text)
        } catch (error) {
          expect(error).toBeInstanceOf(ExpositionError)
        }
      }),
    )
  })
})
