import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { FileError } from '../lib/document.ts'
import { defaultConfiguration, parseConfiguration } from './configuration.ts'

function problemsOf(text: string): string[] {
  try {
    parseConfiguration('a.yaml', text)
  } catch (error) {
    if (error instanceof FileError) return error.message.split('\n')
    throw error
  }
  return []
}

describe('the configuration file', () => {
  it.each([
    'sinks: ["influxdb:http://root:ge/he?im@localhost:8086?db=k8s&nonsense=1"]',
    'sinks: ["webhook:https://localhost/?token=geheim&nonsense=1"]',
    'sinks: "influxdb:http://root:geheim@localhost:8086?pw=geheim"',
    'sinks: ["influxdb:http://localhost:8086?pw=geheim", "influxdb:http://root:geheim@localhost:8086"]',
  ])('shows no secret of %s', (text) => {
    const problems = problemsOf(text)
    expect(problems).toHaveLength(1)
    expect(problems[0]).not.toMatch(/ge.?he.?im/)
    expect(problems[0]).toContain('localhost')
  })

  it('fills in what it does not say', () => {
    expect(parseConfiguration('a.yaml', '# nothing\n')).toEqual(defaultConfiguration())
    expect(defaultConfiguration()).toMatchObject({
      sources: { kubelet: { addressTypes: ['InternalIP', 'ExternalIP', 'Hostname', 'InternalDNS', 'ExternalDNS'], port: 10_250 } },
      sinks: undefined,
      window: { durationMs: 3_600_000, maxBytes: 256 << 20 },
      externalMetrics: [],
    })
  })

  it('says everything that can be said', () => {
    const text = `
sources:
  kubelet:
    addressTypes: [Hostname, InternalIP]
    scheme: http
    port: 10255
    useNodeStatusPort: false
    endpoint: resource
    insecureSkipTlsVerify: true
    certificateAuthority: /ca.crt
    clientCertificate: /c.crt
    clientKey: /c.key
    tokenFile: /token
    nodeSelector: pool=a
    timeout: 3s
  events: { enabled: false, keep: 10 }
sinks:
  - influxdb:http://monitoring-influxdb:8086?db=k8s&withfields=true
  - log
resolution: 15s
clusterName: east
window: { duration: 2h, maxBytes: 1Gi }
spool: { maxBytes: 1Gi }
modelApi: { strict: true }
prometheus: { enabled: false, resolution: 30s, namespaces: [a, b], maxBytes: 65536, maxSeries: 5 }
externalMetrics:
  - name: queue_length
    query: SELECT last("value") FROM "queue" WHERE time > now() - 1m
`
    const read = parseConfiguration('a.yaml', text)
    expect(read.modelApi).toEqual({ isStrict: true })
    expect(read.spool).toEqual({ maxBytes: 1 << 30 })
    expect(read).toMatchObject({
      sources: {
        kubelet: {
          addressTypes: ['Hostname', 'InternalIP'],
          scheme: 'http',
          port: 10_255,
          useNodeStatusPort: false,
          endpoint: 'resource',
          insecureSkipTlsVerify: true,
          certificateAuthority: '/ca.crt',
          clientCertificate: '/c.crt',
          clientKey: '/c.key',
          tokenFile: '/token',
          nodeSelector: 'pool=a',
          timeoutMs: 3000,
        },
        events: { isEnabled: false, keep: 10 },
      },
      resolutionMs: 15_000,
      clusterName: 'east',
      window: { durationMs: 7_200_000, maxBytes: 2 ** 30 },
      prometheus: { isEnabled: false, resolutionMs: 30_000, namespaces: ['a', 'b'], maxBytes: 65_536, maxSeries: 5, maxNames: 200 },
      externalMetrics: [{ name: 'queue_length' }],
    })
    expect(read.sinks?.map(({ kind, name }) => [kind, name])).toEqual([
      ['influxdb', 'influxdb'],
      ['log', 'log'],
    ])
  })

  it('is shown in full, and in the manifest, with files that are good', () => {
    const read = (name: string) => readFileSync(new URL(`../deploy/aggregator/${name}`, import.meta.url), 'utf8')
    const shown = /```yaml\n(.*?)```/s.exec(read('README.md'))![1]!
    expect(parseConfiguration('README.md', shown)).toMatchObject({
      ...defaultConfiguration(),
      sources: { kubelet: { nodeSelector: 'pool=a' } },
      sinks: [{ kind: 'influxdb' }],
      resolutionMs: 15_000,
      clusterName: 'default',
      externalMetrics: [{ name: 'queue_length' }],
    })
    const [map] = parseAllDocuments(read('2-deployment.yaml'))
    const text = map!.getIn(['data', 'aggregator.yaml']) as string
    expect(parseConfiguration('2-deployment.yaml', text).sources.kubelet.insecureSkipTlsVerify).toBe(true)
  })

  it.each([
    ['sink: []', 'a.yaml:1:7: sink: a list: unknown field; allowed here: sources, sinks'],
    ['sources: { kubelet: { port: 0 } }', 'sources.kubelet.port: 0: must be a whole number from 1 to 65535'],
    ['sources: { kubelet: { scheme: ftp } }', 'sources.kubelet.scheme: "ftp": allowed: https, http'],
    ['sources: { kubelet: { addressTypes: [IP] } }', 'sources.kubelet.addressTypes[0]: "IP": allowed: InternalIP'],
    ['sources: { kubelet: { addressTypes: [] } }', 'sources.kubelet.addressTypes: a list: allowed: InternalIP'],
    ['sources: { kubelet: { clientKey: /k } }', 'sources.kubelet.clientKey: "/k": clientCertificate and clientKey go together'],
    ['sources: { kubelet: { nodeSelector: "a in (" } }', 'sources.kubelet.nodeSelector: "a in (": must be a label selector'],
    ['resolution: 10', 'resolution: 10: must be a duration such as 5s'],
    ['resolution: 1ms', 'resolution: "1ms": must be a duration such as 5s, 1m30s or 1h, from 1s to 300s'],
    ['window: { maxBytes: lots }', 'window.maxBytes: "lots": must be an amount of bytes'],
    ['prometheus: { enabled: perhaps }', 'prometheus.enabled: "perhaps": must be true or false'],
    ['sinks: [nowhere:http://a]', 'sinks[0]: "nowhere:http://a": sink nowhere: there is no such kind'],
    ['sinks: [log, log]', 'sinks[1]: "log": name log is taken by another sink'],
    ['sinks: log', 'sinks: "log": must be a list'],
    ['- a', 'must be a mapping'],
    ['a: [', 'a.yaml:'],
  ])('refuses %s with its place, value and what is allowed', (text, message) => {
    expect(problemsOf(text).join('\n')).toContain(message)
  })
})
