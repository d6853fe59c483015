import { describe, expect, it } from 'vitest'
import { alertPeerFlags } from '../alert-peer-flags.ts'
import { parseFlagTable } from '../flag-table.ts'
import { UsageError } from '../options.ts'
import { parseHeapsterSource } from './aggregator-source.ts'
import { describeAggregator, parseAggregatorFlags } from './aggregator.ts'

describe('the flags of binnacle aggregator', () => {
  it('take several sinks, and flags of metrics-server and Heapster in their spellings', () => {
    const { flags, sinks, unused } = parseAggregatorFlags([
      '--sink=log',
      '-sink',
      'influxdb:http://a:8086?db=k8s',
      '--metric_resolution=30s',
      '--kubelet-insecure-tls',
      '--kubelet-preferred-address-types=Hostname,InternalIP',
      '--kubelet-use-node-status-port=false',
      '--logtostderr',
      '--v=2',
    ])
    expect(sinks).toEqual(['log', 'influxdb:http://a:8086?db=k8s'])
    expect(flags).toMatchObject({
      'metric-resolution': 30_000,
      'kubelet-insecure-tls': true,
      'kubelet-preferred-address-types': ['Hostname', 'InternalIP'],
      'kubelet-use-node-status-port': false,
      port: 8082,
      'secure-listen-ip': ['127.0.0.1'],
    })
    expect(unused.map(([name]) => name)).toEqual(['logtostderr', 'v'])
    expect(describeAggregator()).toContain('--kubelet-insecure-tls')
  })

  it('share alerts by a Lease that alert servers without rules do not lead by', () => {
    const { flags } = parseAggregatorFlags(['--data-dir=d', '--peers=127.0.0.1:9095'])
    expect(flags).toMatchObject({ peers: { host: '127.0.0.1', port: 9095 }, 'lease-name': 'binnacle-aggregator-alerts' })
    expect(parseFlagTable([], alertPeerFlags)['lease-name']).not.toBe(flags['lease-name'])
  })

  it.each([
    [['--sink'], '--sink needs a value'],
    [['--metric-resolution=1ms'], '--metric-resolution: "1ms" is not allowed'],
    [['--kubelet-preferred-address-types=IP'], 'allowed are InternalIP'],
    [['--secure-port=99999'], 'allowed are whole numbers from 0 to 65535'],
    [['--listen-ip=a b'], 'allowed are IP addresses and host names'],
    [['file'], '"file" is not a flag'],
  ])('refuse %j', (args, message) => {
    expect(() => parseAggregatorFlags(args)).toThrow(message)
  })
})

describe("Heapster's --source", () => {
  it('says where the API server is and how kubelets are asked', () => {
    const text =
      'kubernetes.summary_api:https://10.0.0.1:6443?kubeletHttps=true&kubeletPort=10250&insecure=true&inClusterConfig=false&auth=/etc/k'
    expect(parseHeapsterSource(text)).toEqual({
      server: 'https://10.0.0.1:6443',
      kubeconfig: '/etc/k',
      isInsecure: true,
      skipsKubeletTls: true,
      kubeletScheme: 'https',
      kubeletPort: 10_250,
    })
    expect(parseHeapsterSource("kubernetes.summary_api:''".replaceAll("'", ''))).toEqual({})
    expect(parseHeapsterSource('kubernetes:https://kubernetes.default')).toEqual({})
    expect(parseHeapsterSource('kubernetes?kubeletHttps=false&kubeletPort=10255')).toEqual({ kubeletScheme: 'http', kubeletPort: 10_255 })
  })

  it.each([
    ['prometheus:http://a', 'allowed are kubernetes and kubernetes.summary_api'],
    ['kubernetes:ftp://a', 'the address must be an http or https URL'],
    ['kubernetes?kubeletPort=0', 'allowed are numbers from 1 to 65535'],
    ['kubernetes?insecure=yes', 'allowed are true and false'],
    ['kubernetes?what=1', 'allowed options are inClusterConfig'],
  ])('refuses %s', (text, message) => {
    expect(() => parseHeapsterSource(text)).toThrow(UsageError)
    expect(() => parseHeapsterSource(text)).toThrow(message)
  })
})
