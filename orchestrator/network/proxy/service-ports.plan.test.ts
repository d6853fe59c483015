import { describe, expect, test } from 'vitest'
import { serviceOf, sliceOf } from '../network-fixtures.ts'
import { planServicePorts } from './service-ports.plan.ts'

const options = {
  isLocalNode: (name: string) => name === 'node-1',
  canTakeAddress: (address: string) => address !== '10.244.0.1',
  canTakePort: (_: string, port: number) => port !== 53,
}
const plan = (...args: [ReturnType<typeof serviceOf>, ...ReturnType<typeof sliceOf>[]]) =>
  planServicePorts(args[0], args.slice(1) as never, options)
const texts = (backends: readonly { readonly address: string; readonly port: number }[] | undefined) =>
  backends?.map(({ address, port }) => `${address}:${port}`)

describe('endpoints', () => {
  test('are sorted, without repetition, over all slices', () => {
    const [port] = plan(serviceOf('web'), sliceOf('web', ['10.244.0.9', '10.244.0.10']), sliceOf('web', ['10.244.0.9', '10.244.0.2']))
    expect(texts(port?.backends)).toEqual(['10.244.0.2:8080', '10.244.0.9:8080', '10.244.0.10:8080'])
  })

  test.each([
    ['ready', { ready: true }, 1],
    ['of unknown readiness', {}, 1],
    ['not ready', { ready: false }, 0],
    ['not ready and terminating without serving', { ready: false, serving: false, terminating: true }, 0],
    ['still serving while terminating, none being ready', { ready: false, serving: true, terminating: true }, 1],
  ])('%s', (_, conditions, count) => {
    const [port] = plan(serviceOf('web'), sliceOf('web', [{ addresses: ['10.244.0.2'], conditions }]))
    expect(port?.backends).toHaveLength(count)
  })

  test('that terminate get nothing while another is ready', () => {
    const terminating = { addresses: ['10.244.0.2'], conditions: { ready: false, serving: true, terminating: true } }
    const [port] = plan(serviceOf('web'), sliceOf('web', [terminating, '10.244.0.3']))
    expect(texts(port?.backends)).toEqual(['10.244.0.3:8080'])
  })

  test('follow the port of the same name and protocol', () => {
    const ports = [
      { name: 'dns', port: 53, protocol: 'UDP' },
      { name: 'dns-tcp', port: 53, protocol: 'TCP' },
    ]
    const slice = sliceOf('dns', ['10.244.0.1'], {
      ports: [
        { name: 'dns-tcp', port: 5354, protocol: 'TCP' },
        { name: 'dns', port: 5353, protocol: 'UDP' },
      ],
    })
    const planned = plan(serviceOf('dns', { ports }), slice)
    expect(planned.map(({ protocol, backends }) => [protocol, texts(backends)])).toEqual([
      ['udp', ['10.244.0.1:5353']],
      ['tcp', ['10.244.0.1:5354']],
    ])
  })

  test.each(['127.0.0.1', '169.254.169.254', '224.0.0.1', 'fd00::1', '10.244.0.2 } ; flush ruleset', ''])(
    'at %j are ignored',
    (address) => {
      expect(plan(serviceOf('web'), sliceOf('web', [address]))[0]?.backends).toEqual([])
    },
  )

  test.each([0, 65_536, 1.5, '80', Number.NaN])('on port %s are ignored', (port) => {
    expect(
      plan(serviceOf('web'), sliceOf('web', ['10.244.0.2'], { ports: [{ port: port as number, protocol: 'TCP' }] }))[0]?.backends,
    ).toEqual([])
  })
})

describe('services', () => {
  test.each([
    ['headless', { clusterIP: 'None' }],
    ['without an address yet', { clusterIP: '' }],
    ['ExternalName', { type: 'ExternalName', externalName: 'example.com' }],
    ['of IPv6', { clusterIP: 'fd00::1', clusterIPs: ['fd00::1'] }],
    ['of SCTP', { ports: [{ port: 80, protocol: 'SCTP' }] }],
    ['with an impossible port', { ports: [{ port: 70_000 }] }],
  ])('%s give no rules', (_, spec) => {
    expect(plan(serviceOf('web', spec), sliceOf('web', ['10.244.0.2']))).toEqual([])
  })

  test('of type LoadBalancer have node ports, of type ClusterIP none', () => {
    const ports = [{ port: 80, nodePort: 30_080 }]
    expect(plan(serviceOf('web', { type: 'LoadBalancer', ports }))[0]?.nodePort).toBe(30_080)
    expect(plan(serviceOf('web', { ports }))[0]?.nodePort).toBeUndefined()
  })

  test("cannot take the cluster's own or unroutable addresses as external ones", () => {
    const externalIPs = ['198.51.100.7', '127.0.0.1', '10.244.0.1', '198.51.100.7', 'x; drop']
    expect(plan(serviceOf('web', { externalIPs }))[0]?.externalIps).toEqual(['198.51.100.7'])
  })

  test('of a load balancer may be the host’s own, but for ports that the host needs', () => {
    const status = { loadBalancer: { ingress: [{ ip: '10.244.0.1' }, { ip: 'x; drop' }, { hostname: 'h' }] } }
    const addresses = (port: number) => plan({ ...serviceOf('web', { type: 'LoadBalancer', ports: [{ port }] }), status })[0]?.externalIps
    expect(addresses(80)).toEqual(['10.244.0.1'])
    expect(addresses(53)).toEqual([])
  })

  test('with local policies use the endpoints of this host', () => {
    const near = { addresses: ['10.244.0.2'], nodeName: 'node-1' }
    const far = { addresses: ['10.244.1.2'], nodeName: 'node-2' }
    const [outside] = plan(serviceOf('web', { type: 'NodePort', externalTrafficPolicy: 'Local' }), sliceOf('web', [near, far]))
    expect([texts(outside?.backends), texts(outside?.externalBackends)]).toEqual([
      ['10.244.0.2:8080', '10.244.1.2:8080'],
      ['10.244.0.2:8080'],
    ])
    const [inside] = plan(serviceOf('web', { internalTrafficPolicy: 'Local' }), sliceOf('web', [near, far]))
    expect(texts(inside?.backends)).toEqual(['10.244.0.2:8080'])
  })

  test.each([
    [{}, undefined],
    [{ sessionAffinity: 'None' }, undefined],
    [{ sessionAffinity: 'ClientIP' }, 10_800],
    [{ sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } } }, 60],
    [{ sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 1e9 } } }, 10_800],
  ])('%j stick for %s s', (spec, seconds) => {
    expect(plan(serviceOf('web', spec))[0]?.affinitySeconds).toBe(seconds)
  })
})
