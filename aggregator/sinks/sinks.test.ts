import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseSink, parseSinks } from './sinks.ts'

describe('the URI of a sink', () => {
  it('reads the options of Heapster and ours', () => {
    const uri =
      'influxdb:http://influx:8086?db=metrics&user=me&pw=hidden&withfields=true&retention=7d&retention_1h=0&tags=labels&policy=raw&max_series=5'
    expect(parseSink(uri)).toMatchObject({
      kind: 'influxdb',
      name: 'influxdb',
      influx: {
        url: 'http://influx:8086/',
        database: 'metrics',
        username: 'me',
        password: 'hidden',
        schema: 'withfields',
        retention: '7d',
        tiers: { '5m': '90d', '1h': 'INF' },
        tags: ['labels'],
        policy: 'raw',
        maxSeries: 5,
      },
    })
    expect(parseSink('influxdb:https://influx?bucket=b&org=o&token=t').influx).toMatchObject({ v2: { org: 'o', bucket: 'b', token: 't' } })
    expect(parseSink('influxdb:http://influx:8086?secure=true&insecuressl=true').influx).toMatchObject({
      url: 'https://influx:8086/',
      tls: { isUnverified: true },
    })
  })

  it('shows itself without secrets', () => {
    expect(parseSink('influxdb:http://me:hidden@influx:8086?token=hidden&bucket=b').description).toBe(
      'influxdb:http://influx:8086?token=***&bucket=b&user=me&pw=***',
    )
    expect(parseSink('remote-write:https://host/write?token=hidden').description).toBe('remote-write:https://host/write?token=***')
  })

  it.each([
    ['kafka:http://x', 'sink kafka: there is no such kind; allowed: "influxdb:http://localhost:8086?db=k8s&retention=7d", "log:'],
    ['influxdb', 'an address is missing, such as "influxdb:http://localhost:8086"'],
    ['influxdb:ftp://x', 'sink influxdb: protocol "ftp" is not one of http, https'],
    ['influxdb:nonsense', 'sink influxdb: the address cannot be read; it must look like "http://host:8086"'],
    ['influxdb:http://x?retenion=7d', 'sink influxdb: option "retenion" is not known; allowed: bucket, cafile,'],
    ['influxdb:http://x?retention=soon', 'sink influxdb: retention: "soon" is not "0" or "INF" (for ever) or a duration such as "7d"'],
    ['influxdb:http://x?withfields=yes', 'sink influxdb: withfields: "yes" is not "true" or "false"'],
    ['influxdb:http://x?concurrency=1000', 'sink influxdb: concurrency: "1000" is not a whole number from 1 to 64'],
    ['influxdb:http://x?db=a%22b', 'sink influxdb: influx.database: "a\\"b" must be 1 to 64 letters'],
    ['influxdb:http://x?policy=5m', 'influx.policy: "5m" is the name of a tier'],
    ['influxdb:http://x?bucket=b', 'sink influxdb: token: missing'],
    ['influxdb:http://x?cafile=/nowhere', 'sink influxdb: cafile: "/nowhere" cannot be read: ENOENT'],
    ['influxdb:http://x?db=a&db=b', 'sink influxdb: option "db" is given twice'],
    ['log:http://x', 'sink log: takes no address'],
    ['log:?level=loud', 'sink log: level: "loud" is not one of debug, info'],
    ['statsd:udp://x?protocolType=other', 'sink statsd: protocolType: "other" is not one of etsystatsd, influxstatsd'],
    ['elasticsearch:http://x?user=a&apikey=b', 'sink elasticsearch: user and apikey exclude each other'],
    ['webhook:https://x?name=A%20B', 'sink webhook: name: "A B" is not 1 to 63 lower-case letters'],
    ['', 'sink: must begin with the name of its kind'],
  ])('%s: says what is wrong', (uri, message) => {
    expect(() => parseSink(uri)).toThrow(message)
  })

  it('refuses two sinks of one name, since they would share a spool', () => {
    expect(() => parseSinks(['log', 'log'])).toThrow('sink log: name: "log" is taken by another sink; give one of them "name=…"')
    expect(parseSinks(['log', 'log:?name=other']).map(({ name }) => name)).toEqual(['log', 'other'])
  })

  it('throws nothing but its own error, and never shows a password, whatever the text', () => {
    const part = fc.constantFrom(
      'influxdb',
      'log',
      ':',
      'http://',
      'tcp://',
      '?',
      '&',
      '=',
      'pw=hunter2',
      'db',
      '%',
      '%zz',
      '@',
      'a',
      '/',
      '#',
      '[',
      '\n',
    )
    fc.assert(
      fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
        const uri = parts.join('')
        try {
          expect(parseSink(uri).description).not.toContain('hunter2')
        } catch (error) {
          expect((error as { code?: string }).code).toBe('SINK_URI')
          expect((error as Error).message).not.toContain('pw=hunter2')
        }
      }),
      { numRuns: 2000 },
    )
  })
})
