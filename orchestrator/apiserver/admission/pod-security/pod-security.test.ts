import { beforeEach, describe, expect, it, test } from 'vitest'
import { FakeClock } from '../../../../lib/fake-clock.ts'
import type { CoreV1Container, CoreV1Namespace, CoreV1Pod, CoreV1PodSpec } from '../../../api/generated/kinds.ts'
import type { KubeObject } from '../../../api/object.ts'
import { statusOf } from '../../../api/status-error.ts'
import { openMemoryStore } from '../../../store/memory.ts'
import type { Store } from '../../../store/store.ts'
import type { Attributes } from '../admission.ts'
import { podSecurity } from './pod-security.ts'
import { prefix } from './policy.ts'

let store: Store
let clock: FakeClock
beforeEach(async () => {
  clock = new FakeClock()
  store = await openMemoryStore({ clock })
})

interface Given {
  readonly plural: string
  readonly group?: string
  readonly object: object
  readonly previous?: object
  readonly subresource?: string
}

/** What becomes of a write in namespace `n`. */
function admit({ plural, group = '', object, previous, subresource = '' }: Given) {
  const warnings: string[] = []
  const annotations: Record<string, string> = {}
  const kind = { group, plural, kind: plural === 'namespaces' ? 'Namespace' : plural }
  const attributes = {
    operation: previous === undefined ? 'CREATE' : 'UPDATE',
    declaration: { kind },
    namespace: plural === 'namespaces' ? '' : 'n',
    name: (object as KubeObject).metadata.name,
    subresource,
    object,
    previous,
    warnings,
    audit: { annotate: (key: string, value: string) => void (annotations[key.replace(prefix, '')] = value) },
  }
  let refusal: string | undefined
  try {
    void podSecurity(store, clock).admit(attributes as unknown as Attributes)
  } catch (error) {
    const { code, message } = statusOf(error)!
    refusal = `${code} ${message}`
  }
  return { refusal, warnings, annotations }
}

const namespace = (labels: Readonly<Record<string, string>>): CoreV1Namespace => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name: 'n', labels: Object.fromEntries(Object.entries(labels).map(([name, value]) => [prefix + name, value])) },
  spec: {},
})
const setLabels = (labels: Readonly<Record<string, string>>) => store.put('core/namespaces/n', namespace(labels), 0)
const privileged: CoreV1Container = { name: 'c', image: 'i', securityContext: { privileged: true } }
const pod = (spec: Partial<CoreV1PodSpec> = {}, metadata: Partial<CoreV1Pod['metadata']> = {}): CoreV1Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p', ...metadata },
  spec: { containers: [privileged], ...spec },
})
const why = 'privileged (container "c" must not set securityContext.privileged=true)'

describe('a pod', () => {
  it('is refused where its namespace enforces what it violates', async () => {
    await setLabels({ enforce: 'baseline' })
    expect(admit({ plural: 'pods', object: pod() })).toEqual({
      refusal: `403 pods "p" is forbidden: violates PodSecurity "baseline:latest": ${why}`,
      warnings: [],
      annotations: { 'enforce-policy': 'baseline:latest' },
    })
    expect(admit({ plural: 'pods', object: pod({ containers: [{ name: 'c' }] }) })).toEqual({
      refusal: undefined,
      warnings: [],
      annotations: { 'enforce-policy': 'baseline:latest' },
    })
  })

  it('is let in with a warning, or with a note for those who read the audit log', async () => {
    await setLabels({ audit: 'baseline', 'audit-version': 'v1.30', warn: 'baseline' })
    expect(admit({ plural: 'pods', object: pod() })).toEqual({
      refusal: undefined,
      warnings: [`would violate PodSecurity "baseline:latest": ${why}`],
      annotations: {
        'enforce-policy': 'privileged:latest',
        'audit-violations': `would violate PodSecurity "baseline:v1.30": ${why}`,
      },
    })
  })

  it('is let in without a word where nothing is asked, or where no namespace is', async () => {
    const free = { refusal: undefined, warnings: [], annotations: { 'enforce-policy': 'privileged:latest' } }
    expect(admit({ plural: 'pods', object: pod() })).toEqual(free)
    await setLabels({})
    expect(admit({ plural: 'pods', object: pod() })).toEqual(free)
  })

  it('is judged as restricted by a label that cannot be read', async () => {
    await setLabels({ enforce: 'strict' })
    const { refusal, annotations } = admit({ plural: 'pods', object: pod() })
    expect(refusal).toContain('violates PodSecurity "restricted:latest": privileged (')
    expect(annotations['error']).toBe(
      `Failed to parse policy: metadata.labels[${prefix}enforce]: Invalid value: "strict": must be one of privileged, baseline, restricted`,
    )
  })

  const debug = { name: 'd', image: 'x' }
  test.each<[string, boolean, Partial<CoreV1Pod>, Partial<CoreV1Pod>, string?]>([
    ['other labels', false, pod(), pod({}, { labels: { a: 'b' } })],
    ['another image', true, pod(), pod({ containers: [{ ...privileged, image: 'j' }] })],
    ['another image of an init container', true, pod({ initContainers: [debug] }), pod({ initContainers: [{ ...debug, image: 'y' }] })],
    ['fewer tolerations', false, pod({ tolerations: [{ key: 'a' }] }), pod()],
    ['an ephemeral container', true, pod(), pod({ ephemeralContainers: [debug] }), 'ephemeralcontainers'],
    [
      'the same ephemeral containers',
      false,
      pod({ ephemeralContainers: [debug] }),
      pod({ ephemeralContainers: [debug] }),
      'ephemeralcontainers',
    ],
    ['a status', false, pod(), pod({ containers: [{ ...privileged, image: 'j' }] }), 'status'],
    ['a node', false, pod(), pod({ nodeName: 'a', containers: [{ ...privileged, image: 'j' }] }), 'binding'],
    ['other resources', false, pod(), pod({ containers: [{ ...privileged, resources: { limits: { cpu: '1' } } }] }), 'resize'],
  ])('that is there and gets %s is judged again: %s', async (_, isJudged, previous, object, subresource = '') => {
    await setLabels({ enforce: 'baseline' })
    expect(admit({ plural: 'pods', object, previous, subresource }).refusal !== undefined).toBe(isJudged)
  })
})

describe('what pods are made of', () => {
  const template = { spec: pod().spec }
  test.each<[string, string, object]>([
    ['', 'replicationcontrollers', { spec: { template } }],
    ['apps', 'replicasets', { spec: { template } }],
    ['apps', 'deployments', { spec: { template } }],
    ['apps', 'statefulsets', { spec: { template } }],
    ['apps', 'daemonsets', { spec: { template } }],
    ['batch', 'jobs', { spec: { template } }],
    ['batch', 'cronjobs', { spec: { jobTemplate: { spec: { template } } } }],
    ['', 'podtemplates', { template }],
  ])('is warned of and noted, not refused: %s %s', async (group, plural, rest) => {
    await setLabels({ enforce: 'baseline', audit: 'baseline' })
    const text = `would violate PodSecurity "baseline:latest": ${why}`
    const object = { metadata: { name: 'w' }, ...rest }
    expect(admit({ group, plural, object })).toEqual({ refusal: undefined, warnings: [text], annotations: { 'audit-violations': text } })
    expect(admit({ group, plural, object, previous: object }).warnings).toEqual([text])
    expect(admit({ group, plural, object, previous: object, subresource: 'status' }).warnings).toEqual([])
  })

  it('is not looked at where only pods are refused, nor where nothing is there', async () => {
    await setLabels({ enforce: 'baseline', warn: 'privileged' })
    const deployment = { group: 'apps', plural: 'deployments', object: { metadata: { name: 'w' }, spec: { template } } }
    expect(admit(deployment)).toEqual({ refusal: undefined, warnings: [], annotations: {} })
    expect(admit({ plural: 'replicationcontrollers', object: { metadata: { name: 'w' }, spec: {} } }).warnings).toEqual([])
    expect(admit({ plural: 'configmaps', object: { metadata: { name: 'w' }, spec: { template } } }).warnings).toEqual([])
  })
})

describe('a namespace', () => {
  const change = (before: Readonly<Record<string, string>>, labels: Readonly<Record<string, string>>, subresource = '') =>
    admit({ plural: 'namespaces', object: namespace(labels), previous: namespace(before), subresource })

  it('has labels that can be read, from its beginning and whenever they change', () => {
    const refusal =
      `422 Namespace "n" is invalid: metadata.labels[${prefix}warn]: Invalid value: "high": ` +
      'must be one of privileged, baseline, restricted'
    expect(admit({ plural: 'namespaces', object: namespace({ warn: 'high' }) }).refusal).toBe(refusal)
    expect(change({}, { warn: 'high' }).refusal).toBe(refusal)
    expect(change({ warn: 'low' }, { warn: 'high' }).refusal).toBe(refusal)
    expect(change({ warn: 'high' }, { warn: 'high', audit: 'baseline' }).refusal).toBeUndefined()
    expect(change({ warn: 'high' }, {}).refusal).toBeUndefined()
    expect(change({}, { warn: 'high' }, 'status').refusal).toBeUndefined()
    expect(admit({ plural: 'namespaces', object: namespace({ enforce: 'baseline', 'enforce-version': 'v1.20' }) }).refusal).toBeUndefined()
  })

  const putPods = (name: string, count: number, spec: Partial<CoreV1PodSpec>, owner?: string) =>
    Promise.all(
      Array.from({ length: count }, (_, index) => {
        const own =
          owner === undefined ? {} : { ownerReferences: [{ apiVersion: 'v1', kind: 'X', name: 'o', uid: owner, controller: true }] }
        return store.put(`core/pods/n/${name}${index}`, pod(spec, { name: `${name}${index}`, ...own }), 0)
      }),
    )

  it('that enforces more warns of the pods that it has, those with the same fault together', async () => {
    await putPods('b', 3, {})
    await putPods('a', 2, { hostPID: true, hostIPC: true })
    await putPods('c', 1, { containers: [{ name: 'c' }], hostIPC: true })
    await putPods('good', 1, { containers: [{ name: 'c' }] })
    const warnings = [
      'existing pods in namespace "n" violate the new PodSecurity enforce level "baseline:v1.30"',
      'a0 (and 1 other pod): host namespaces, privileged',
      'b0 (and 2 other pods): privileged',
      'c0: host namespaces',
    ]
    expect(change({}, { enforce: 'baseline', 'enforce-version': 'v1.30' })).toEqual({ refusal: undefined, warnings, annotations: {} })
    expect(change({}, { enforce: 'restricted' }).warnings).toHaveLength(5)
  })

  test.each<[Readonly<Record<string, string>>, Readonly<Record<string, string>>, boolean]>([
    [{ enforce: 'baseline' }, { enforce: 'baseline', audit: 'restricted' }, false],
    [{ enforce: 'baseline' }, { enforce: 'privileged', 'enforce-version': 'v1.1' }, false],
    [{ enforce: 'restricted' }, { enforce: 'baseline' }, false],
    [{ enforce: 'restricted' }, { enforce: 'baseline', 'enforce-version': 'v1.30' }, true],
    [{ enforce: 'baseline' }, { enforce: 'restricted' }, true],
  ])('looks at its pods only where more may be refused: %j to %j, %s', async (before, labels, isWarned) => {
    await putPods('a', 1, {})
    expect(change(before, labels).warnings.length > 0).toBe(isWarned)
  })

  it('looks at 3000 pods at most, those of no controller and one of each first', async () => {
    await putPods('a', 3000, { containers: [{ name: 'c' }] }, 'many')
    await putPods('b', 2, {})
    await putPods('c', 1, { hostPID: true }, 'few')
    expect(change({}, { enforce: 'baseline' }).warnings).toEqual([
      'new PodSecurity enforce level only checked against the first 3000 of 3003 existing pods',
      'existing pods in namespace "n" violate the new PodSecurity enforce level "baseline:latest"',
      'b0 (and 1 other pod): privileged',
      'c0: host namespaces, privileged',
    ])
  })

  it('looks at them for a second at most', async () => {
    await putPods('a', 5, { containers: [{ name: 'c' }] })
    let reads = 0
    clock.monotonic = () => reads++ * 400
    expect(change({}, { enforce: 'baseline' }).warnings).toEqual([
      'new PodSecurity enforce level only checked against the first 3 of 5 existing pods',
    ])
  })
})
