import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { CoreV1Namespace, CoreV1Pod, NetworkingV1NetworkPolicy } from '../../api/generated/kinds.ts'
import { parseNetwork } from '../ipv4.ts'
import { planTransaction } from '../table/table-state.ts'
import { planPolicyTable, planScope } from './policy-table.plan.ts'
import { judge } from './table-judge.ts'
import type { Packet } from './table-judge.ts'

type Spec = Partial<NetworkingV1NetworkPolicy['spec']>

const policyOf = (spec: Spec, name = 'policy', namespace = 'default'): NetworkingV1NetworkPolicy => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { name, namespace },
  spec: { podSelector: {}, policyTypes: ['Ingress'], ...spec },
})

const podOf = (
  name: string,
  podIP: string | undefined,
  more: {
    readonly namespace?: string
    readonly node?: string
    readonly spec?: object
    readonly phase?: string
    readonly born?: string
  } = {},
): CoreV1Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name,
    namespace: more.namespace ?? 'default',
    labels: { app: name },
    ...(more.born === undefined ? {} : { creationTimestamp: more.born }),
  },
  spec: {
    nodeName: more.node ?? 'node-1',
    containers: [
      {
        name: 'main',
        ports: [
          { name: 'http', containerPort: 8080 },
          { name: 'dns', containerPort: 53, protocol: 'UDP' },
        ],
      },
    ],
    ...more.spec,
  },
  status: { phase: more.phase ?? 'Running', ...(podIP === undefined ? {} : { podIP }) },
})

const namespaceOf = (name: string, labels: Record<string, string> = {}): CoreV1Namespace => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name, labels: { 'kubernetes.io/metadata.name': name, ...labels } },
  spec: {},
})

const [web, client, other, far, outside] = ['10.244.0.2', '10.244.0.3', '10.244.0.4', '10.244.1.5', '192.0.2.7'] as const
const pods = [
  podOf('web', web),
  podOf('client', client),
  podOf('client', other, { namespace: 'other' }),
  podOf('far', far, { node: 'node-2' }),
]
const namespaces = [namespaceOf('default'), namespaceOf('other', { team: 'red' })]
const options = { bridge: 'bnc-1', podSubnet: parseNetwork('10.244.0.0/16', 'podSubnet'), isLocalNode: (name: string) => name === 'node-1' }
const tableOf = (policies: readonly NetworkingV1NetworkPolicy[], all: readonly CoreV1Pod[] = pods) =>
  planPolicyTable(planScope(policies, namespaces), all, options)
const verdict = (policies: readonly NetworkingV1NetworkPolicy[], packet: Packet, all = pods) => judge(tableOf(policies, all), packet)
const onWeb = (spec: Spec, name?: string) => policyOf({ podSelector: { matchLabels: { app: 'web' } }, ...spec }, name)
const clients = { podSelector: { matchLabels: { app: 'client' } } }

describe('ingress', () => {
  const rows: [string, readonly NetworkingV1NetworkPolicy[], Packet, 'accept' | 'drop'][] = [
    ['a pod that no policy selects takes everything', [onWeb({})], { from: web, to: client }, 'accept'],
    ['a policy without rules lets nobody in', [onWeb({})], { from: client, to: web }, 'drop'],
    ['nor from outside', [onWeb({})], { from: outside, to: web }, 'drop'],
    ['a policy of another namespace does not select', [policyOf({}, 'p', 'other')], { from: client, to: web }, 'accept'],
    ['a pod reaches itself through a Service', [onWeb({ policyTypes: ['Ingress', 'Egress'] })], { from: web, to: web }, 'accept'],
    ['an empty rule lets everybody in', [onWeb({ ingress: [{}] })], { from: outside, to: web }, 'accept'],
    ['so do empty lists', [onWeb({ ingress: [{ from: [], ports: [] }] })], { from: outside, to: web }, 'accept'],
    ['pods of the own namespace', [onWeb({ ingress: [{ from: [clients] }] })], { from: client, to: web }, 'accept'],
    ['not those of others', [onWeb({ ingress: [{ from: [clients] }] })], { from: other, to: web }, 'drop'],
    [
      'an empty podSelector means the own namespace',
      [onWeb({ ingress: [{ from: [{ podSelector: {} }] }] })],
      { from: other, to: web },
      'drop',
    ],
    [
      'all pods of selected namespaces',
      [onWeb({ ingress: [{ from: [{ namespaceSelector: { matchLabels: { team: 'red' } } }] }] })],
      { from: other, to: web },
      'accept',
    ],
    [
      'and no others',
      [onWeb({ ingress: [{ from: [{ namespaceSelector: { matchLabels: { team: 'red' } } }] }] })],
      { from: client, to: web },
      'drop',
    ],
    [
      'an empty namespaceSelector means every pod',
      [onWeb({ ingress: [{ from: [{ namespaceSelector: {} }] }] })],
      { from: far, to: web },
      'accept',
    ],
    ['but nobody outside', [onWeb({ ingress: [{ from: [{ namespaceSelector: {} }] }] })], { from: outside, to: web }, 'drop'],
    [
      'both selectors in one peer mean both',
      [
        onWeb({
          ingress: [{ from: [{ namespaceSelector: { matchLabels: { team: 'red' } }, podSelector: { matchLabels: { app: 'x' } } }] }],
        }),
      ],
      { from: other, to: web },
      'drop',
    ],
    [
      'two peers mean either',
      [onWeb({ ingress: [{ from: [{ namespaceSelector: { matchLabels: { team: 'red' } } }, clients] }] })],
      { from: client, to: web },
      'accept',
    ],
    [
      'expressions of selectors count',
      [onWeb({ ingress: [{ from: [{ podSelector: { matchExpressions: [{ key: 'app', operator: 'NotIn', values: ['client'] }] } }] }] })],
      { from: far, to: web },
      'accept',
    ],
    ['a block', [onWeb({ ingress: [{ from: [{ ipBlock: { cidr: '192.0.2.0/24' } }] }] })], { from: outside, to: web }, 'accept'],
    ['not beside it', [onWeb({ ingress: [{ from: [{ ipBlock: { cidr: '192.0.3.0/24' } }] }] })], { from: outside, to: web }, 'drop'],
    [
      'without its exceptions',
      [onWeb({ ingress: [{ from: [{ ipBlock: { cidr: '0.0.0.0/0', except: ['192.0.2.0/28', '192.0.2.0/24', '10.0.0.0/8'] } }] }] })],
      { from: outside, to: web },
      'drop',
    ],
    [
      'but with the rest',
      [onWeb({ ingress: [{ from: [{ ipBlock: { cidr: '0.0.0.0/0', except: ['192.0.2.8/29'] } }] }] })],
      { from: outside, to: web },
      'accept',
    ],
    [
      'a block of IPv6 is nobody here',
      [onWeb({ ingress: [{ from: [{ ipBlock: { cidr: '2001:db8::/32' } }] }] })],
      { from: outside, to: web },
      'drop',
    ],
    ['a peer of nothing is nobody', [onWeb({ ingress: [{ from: [{}] }] })], { from: client, to: web }, 'drop'],
    ['policies add up', [onWeb({}, 'deny'), onWeb({ ingress: [{ from: [clients] }] }, 'allow')], { from: client, to: web }, 'accept'],
    ['a policy about egress alone leaves ingress open', [onWeb({ policyTypes: ['Egress'] })], { from: client, to: web }, 'accept'],
  ]
  test.each(rows)('%s', (_, policies, packet, expected) => {
    expect(verdict(policies, packet)).toBe(expected)
  })
})

describe('ports', () => {
  const rows: [string, NonNullable<NonNullable<Spec['ingress']>[0]['ports']>, Partial<Packet>, 'accept' | 'drop'][] = [
    ['a number', [{ port: 80, protocol: 'TCP' }], { port: 80 }, 'accept'],
    ['is not another', [{ port: 80, protocol: 'TCP' }], { port: 81 }, 'drop'],
    ['nor one of another protocol', [{ port: 80, protocol: 'TCP' }], { port: 80, protocol: 'udp' }, 'drop'],
    ['TCP is what is meant by none', [{ port: 80 }], { port: 80 }, 'accept'],
    ['a range, to its end', [{ port: 8000, endPort: 8010 }], { port: 8010 }, 'accept'],
    ['and not behind it', [{ port: 8000, endPort: 8010 }], { port: 8011 }, 'drop'],
    [
      'ranges that overlap are one',
      [{ port: 8000, endPort: 8010 }, { port: 8005, endPort: 8020 }, { port: 8021 }],
      { port: 8021 },
      'accept',
    ],
    ['a protocol alone means its every port', [{ protocol: 'UDP' }, { protocol: 'UDP', port: 5 }], { port: 9, protocol: 'udp' }, 'accept'],
    ['SCTP', [{ protocol: 'SCTP', port: 7 }], { port: 7, protocol: 'sctp' }, 'accept'],
    ['a name, as the pod that is asked has it', [{ port: 'http' }], { port: 8080 }, 'accept'],
    ['of the same protocol', [{ port: 'dns' }], { port: 53 }, 'drop'],
    ['and of that protocol', [{ port: 'dns', protocol: 'UDP' }], { port: 53, protocol: 'udp' }, 'accept'],
    ['a name that no pod has is no port', [{ port: 'nothing' }], { port: 8080 }, 'drop'],
    ['a protocol that nobody knows is none', [{ port: 80, protocol: 'ICMP' }], { port: 80, protocol: 'icmp' }, 'drop'],
    ['a range that runs backwards is none', [{ port: 90, endPort: 80 }], { port: 85 }, 'drop'],
  ]
  test.each(rows)('%s', (_, ports, packet, expected) => {
    expect(verdict([onWeb({ ingress: [{ ports }] })], { from: client, to: web, ...packet })).toBe(expected)
  })

  test('ports and peers of one rule must both match', () => {
    const policies = [onWeb({ ingress: [{ from: [clients], ports: [{ port: 80 }] }] })]
    expect([verdict(policies, { from: client, to: web, port: 80 }), verdict(policies, { from: client, to: web, port: 81 })]).toEqual([
      'accept',
      'drop',
    ])
    expect(verdict(policies, { from: other, to: web, port: 80 })).toBe('drop')
  })
})

describe('egress', () => {
  const deny = onWeb({ policyTypes: ['Egress'] })

  test('of an isolated pod goes nowhere, to it is another matter', () => {
    expect([
      verdict([deny], { from: web, to: outside }),
      verdict([deny], { from: web, to: client }),
      verdict([deny], { from: client, to: web }),
    ]).toEqual(['drop', 'drop', 'accept'])
  })

  test('goes where a rule says, to the port that the other pod calls by that name', () => {
    const policies = [onWeb({ policyTypes: ['Egress'], egress: [{ to: [{ namespaceSelector: {} }], ports: [{ port: 'http' }] }] })]
    expect(verdict(policies, { from: web, to: far, port: 8080 })).toBe('accept')
    expect(verdict(policies, { from: web, to: far, port: 80 })).toBe('drop')
    expect(verdict(policies, { from: web, to: outside, port: 8080 })).toBe('drop')
  })

  test('that is let out must be let in, too', () => {
    const policies = [onWeb({ policyTypes: ['Egress'], egress: [{}] }), policyOf({ podSelector: { matchLabels: { app: 'client' } } }, 'in')]
    expect(verdict(policies, { from: web, to: client })).toBe('drop')
    expect(verdict(policies, { from: web, to: outside })).toBe('accept')
  })

  test('is what a policy with rules for it is about where it does not say so', () => {
    const { policyTypes: _, ...spec } = policyOf({ egress: [{ to: [clients] }] }).spec
    const policy = { ...policyOf({}), spec }
    expect(verdict([policy], { from: web, to: outside })).toBe('drop')
    expect(verdict([policy], { from: outside, to: web })).toBe('drop')
  })
})

describe('whose pods', () => {
  test('other hosts have are theirs to isolate, and peers here', () => {
    const policies = [
      policyOf({ policyTypes: ['Ingress', 'Egress'], ingress: [{ from: [{ podSelector: { matchLabels: { app: 'far' } } }] }] }),
    ]
    expect(tableOf(policies).elements.get('isolated-ingress')!.has(far)).toBe(false)
    expect(verdict(policies, { from: far, to: web })).toBe('accept')
    expect(verdict(policies, { from: '10.244.1.9', to: web })).toBe('drop')
  })

  test.each([
    ["in the host's network", podOf('client', client, { spec: { hostNetwork: true } })],
    ['that is over', podOf('client', client, { phase: 'Succeeded' })],
    ['outside of the pod network', podOf('client', '10.1.0.3')],
    ['with an address that is none', podOf('client', '10.244.0.3; flush ruleset')],
  ])('a pod %s is no pod to policies', (_, pod) => {
    const table = tableOf([onWeb({ ingress: [{ from: [clients] }] })], [pods[0]!, pod])
    expect([...table.elements.values()].flatMap((set) => [...set.keys()]).filter((key) => !key.includes(web))).toEqual([])
  })

  test('address is claimed twice: the younger has it', () => {
    const old = podOf('client', web, { born: '2026-01-01T00:00:00Z' })
    const young = podOf('web', web, { born: '2026-01-01T00:00:01Z' })
    for (const all of [
      [old, young],
      [young, old],
    ])
      expect(verdict([onWeb({})], { from: outside, to: web }, all)).toBe('drop')
  })

  test('address is not known yet: nothing passes until it is', () => {
    expect(verdict([onWeb({})], { from: '10.244.0.99', to: client })).toBe('drop')
    expect(verdict([onWeb({})], { from: client, to: '10.244.0.99' })).toBe('drop')
    expect(verdict([onWeb({})], { from: '10.244.0.99', to: client }, [...pods, podOf('late', '10.244.0.99')])).toBe('accept')
  })
})

describe('a transaction', () => {
  const policy = onWeb({ ingress: [{ from: [clients], ports: [{ port: 80 }] }] })
  const lines = (before: ReturnType<typeof tableOf> | undefined, after: ReturnType<typeof tableOf> | undefined) =>
    planTransaction('t', before, after).split('\n').filter(Boolean)

  test('for one more peer adds elements only', () => {
    const added = lines(tableOf([policy]), tableOf([policy], [...pods, podOf('client', '10.244.0.9')]))
    expect(added.map((line) => line.replace(/pods-\w{16}/, 'pods-X'))).toEqual([
      'add element ip t known { 10.244.0.9 }',
      'add element ip t pods-X { 10.244.0.9 }',
    ])
  })

  test('for one more pod of an isolated workload makes no chain', () => {
    const added = lines(tableOf([policy]), tableOf([policy], [...pods, podOf('web', '10.244.0.9')]))
    expect(added.every((line) => line.startsWith('add element'))).toBe(true)
  })

  test('for the last policy that goes removes the table', () => {
    expect(lines(tableOf([policy]), undefined)).toEqual(['add table ip t', 'delete table ip t'])
    expect(lines(undefined, undefined)).toEqual([])
  })

  test('holds nothing that a user wrote', () => {
    const hostile = fc.string({ minLength: 1 }).map((text) => `"; flush ruleset ${text}`)
    fc.assert(
      fc.property(hostile, hostile, (text, name) => {
        const peer = { namespaceSelector: { matchLabels: { [text]: text } }, podSelector: { matchLabels: { [name]: text } } }
        const ports = [{ port: text }, { port: 80, protocol: name }, { port: 81 }]
        const rules = [
          { from: [peer, { ipBlock: { cidr: text, except: [name] } }, { ipBlock: { cidr: '10.0.0.0/8', except: [text] } }], ports },
        ]
        const pod = podOf('web', web)
        const statements = lines(
          undefined,
          tableOf([policyOf({ ingress: rules }, text, 'default')], [{ ...pod, metadata: { ...pod.metadata, name } }]),
        )
        expect(statements.join('\n')).not.toContain('flush ruleset')
      }),
    )
  })
})
