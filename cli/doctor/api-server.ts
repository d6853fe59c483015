import type { CoordinationV1Lease, CoreV1Node, CoreV1Pod } from '../../orchestrator/api/generated/kinds.ts'
import { keyOf } from '../../orchestrator/api/object.ts'
import type { KubeObject } from '../../orchestrator/api/object.ts'
import { ok, problem, shorten, warn } from './finding.ts'
import type { Finding } from './finding.ts'
import { complaintOf, jsonOf, probe } from './probe.ts'
import type { Answer } from './probe.ts'
import type { Examination, Subject } from './subject.ts'
import { examineWaitingPods } from './waiting-pods.ts'

interface List<T> {
  readonly items: readonly T[]
}

interface ApiService extends KubeObject {
  readonly spec: { readonly service?: object }
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string; readonly message?: string }[] }
}

const maxSkewMs = 2000
/** A node that has not renewed its Lease for this long is about to be taken for dead. */
const leaseMs = 40_000
const maxListed = 10
const metricsApi = '/apis/metrics.k8s.io/v1beta1'

/** The API server, its clock, every node and its agent, the metrics APIs, pods that run and have no figures, pods that do not run. */
export const apiServerExamination: Examination = {
  name: 'API server',
  async examine(subject) {
    const { access } = subject
    if (access === undefined)
      return [problem('API server', 'there is no kubeconfig', 'name one with --kubeconfig, or a cluster with --data-dir')]
    const version = await ask(subject, '/version')
    if (version.status !== 200) return [problem('API server', `${access.server}: ${complaintOf(version)}`, adviceFor(version))]
    const { gitVersion = 'an unknown version' } = (jsonOf(version) ?? {}) as { gitVersion?: string }
    return [
      ok('API server', `answers at ${access.server}, ${gitVersion}`),
      ...examineClock(version, subject.now),
      ...(await examineCluster(subject)),
    ]
  },
}

function adviceFor({ status, error = '' }: Answer): string {
  if (status === 401) return 'the credentials of the kubeconfig are not accepted: have they ended?'
  if (status === 403) return 'the user of the kubeconfig may not look: use an administrator'
  if (/certificate|self-signed|CERT/i.test(error)) return 'the certificates do not fit: is the kubeconfig of this cluster?'
  return 'is it running? See the processes above'
}

/** The time of an answer lies between that of the question and that of its coming. */
export function examineClock({ date, tookMs }: Pick<Answer, 'date' | 'tookMs'>, now: number): Finding[] {
  if (Number.isNaN(date) || (date >= now - maxSkewMs && date <= now + tookMs + maxSkewMs)) return []
  return [
    warn(
      'clocks',
      `that of the API server differs by ${Math.round((date - now) / 1000)} s from this one`,
      'run a time service on both machines',
    ),
  ]
}

async function examineCluster(subject: Subject): Promise<Finding[]> {
  const [nodes, leases, pods, services, nodeMetrics, podMetrics] = await Promise.all([
    list<CoreV1Node>(subject, '/api/v1/nodes'),
    list<CoordinationV1Lease>(subject, '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases'),
    list<CoreV1Pod>(subject, '/api/v1/pods'),
    list<ApiService>(subject, '/apis/apiregistration.k8s.io/v1/apiservices'),
    list<KubeObject>(subject, `${metricsApi}/nodes`),
    list<KubeObject>(subject, `${metricsApi}/pods`),
  ])
  if (typeof nodes === 'string') return [problem('nodes', nodes, 'the user of the kubeconfig must be allowed to list nodes')]
  const healthOf = new Map(
    await Promise.all(nodes.map(async (node) => [node.metadata.name!, await examineNode(subject, node, leases)] as const)),
  )
  const troubled = new Set([...healthOf].flatMap(([name, findings]) => (findings.some(({ level }) => level === 'problem') ? [name] : [])))
  return [
    ...(nodes.length === 0 ? [problem('nodes', 'there are none', 'nothing can run: is a node agent running?')] : []),
    ...[...healthOf.values()].flat(),
    ...examineServices(services),
    ...examineNodeMetrics(nodes, nodeMetrics),
    ...examinePods(pods, podMetrics, { troubled, subject }),
    ...examineWaitingPods(pods, subject.now),
  ]
}

/** What the API says of a node, and whether its agent gives figures when it is asked through the API server. */
async function examineNode(subject: Subject, node: CoreV1Node, leases: readonly CoordinationV1Lease[] | string): Promise<Finding[]> {
  const name = node.metadata.name!
  const where = `node ${name}`
  const address = node.status?.addresses?.find(({ type }) => type === 'InternalIP')?.address
  const ready = node.status?.conditions?.find(({ type }) => type === 'Ready')
  const findings: Finding[] = []
  if (ready?.status !== 'True')
    findings.push(
      problem(
        where,
        `is not Ready: ${ready?.message ?? 'it has never said anything'}`,
        'is its node agent running, and does it reach the API server?',
      ),
    )
  if (address === undefined) findings.push(problem(where, 'has no InternalIP', 'its node agent has not registered it yet: is it running?'))
  const lease = typeof leases === 'string' ? undefined : leases.find(({ metadata }) => metadata.name === name)
  findings.push(...examineLease(where, lease, subject.now))
  const summary = await ask(subject, `/api/v1/nodes/${encodeURIComponent(name)}/proxy/stats/summary`)
  if (summary.status !== 200)
    return [
      ...findings,
      problem(where, `gives no figures when asked through the API server: ${complaintOf(summary)}`, adviceForAgent(summary)),
    ]
  return [...findings, ...(findings.length === 0 ? [ok(where, `Ready at ${address}, gives figures`)] : [])]
}

function adviceForAgent({ status, text }: Answer): string {
  if (status === 403) return 'the user of the kubeconfig may not get nodes/proxy'
  if (/certificate|x509|tls/i.test(text))
    return "its serving certificate does not fit: is it of the cluster's authority and for its address?"
  if (status === 404) return 'its kubelet has no summary API; figures come from /metrics/resource'
  return 'is its node agent running?'
}

function examineLease(where: string, lease: CoordinationV1Lease | undefined, now: number): Finding[] {
  const renewed = Date.parse(lease?.spec.renewTime ?? '')
  if (Number.isNaN(renewed)) return []
  if (renewed - now > maxSkewMs)
    return [warn(where, `its clock is ${Math.round((renewed - now) / 1000)} s ahead of this one`, 'run a time service on both machines')]
  if (now - renewed < leaseMs) return []
  return [warn(where, `renewed its Lease ${Math.round((now - renewed) / 1000)} s ago`, 'its node agent is away, or its clock is behind')]
}

function examineServices(services: readonly ApiService[] | string): Finding[] {
  if (typeof services === 'string') return [warn('metrics APIs', services, 'the user of the kubeconfig may not list APIServices')]
  const metrics = services.filter(({ metadata, spec }) => spec.service !== undefined && metadata.name!.endsWith('.metrics.k8s.io'))
  if (!metrics.some(({ metadata }) => metadata.name === 'v1beta1.metrics.k8s.io'))
    return [
      problem(
        'metrics APIs',
        'no APIService v1beta1.metrics.k8s.io is registered',
        'kubectl top and autoscalers have no figures without: apply the manifests of the aggregator',
      ),
    ]
  return metrics.map(({ metadata, status }) => {
    const available = status?.conditions?.find(({ type }) => type === 'Available')
    const where = `APIService ${metadata.name}`
    if (available?.status === 'True') return ok(where, 'is Available')
    return problem(
      where,
      `is not Available: ${available?.message ?? 'nobody has looked yet'}`,
      'is the aggregator running, and does the API server reach it?',
    )
  })
}

function examineNodeMetrics(nodes: readonly CoreV1Node[], metrics: readonly KubeObject[] | string): Finding[] {
  if (typeof metrics === 'string')
    return [problem('metrics.k8s.io', metrics, 'kubectl top and autoscalers have no figures: see the APIService above')]
  const known = new Set(metrics.map(({ metadata }) => metadata.name))
  const without = nodes.filter(({ metadata }) => !known.has(metadata.name))
  if (without.length === 0) return [ok('metrics.k8s.io', `has figures of all ${nodes.length} nodes`)]
  return without.map(({ metadata }) =>
    problem('metrics.k8s.io', `has no figures of node ${metadata.name}`, 'see that node, and the sources of the aggregator'),
  )
}

/** Pods that run and have no figures, with the likely reason. */
export function examinePods(
  pods: readonly CoreV1Pod[] | string,
  metrics: readonly KubeObject[] | string,
  { troubled, subject }: { readonly troubled: ReadonlySet<string>; readonly subject: Pick<Subject, 'now' | 'resolutionMs'> },
): Finding[] {
  if (typeof pods === 'string') return [warn('pods', pods, 'the user of the kubeconfig may not list pods')]
  if (typeof metrics === 'string') return []
  const known = new Set(metrics.map(keyOf))
  const running = pods.filter(({ status, metadata }) => status?.phase === 'Running' && metadata.deletionTimestamp === undefined)
  const without = running.filter((pod) => !known.has(keyOf(pod)))
  if (without.length === 0) return [ok('pods', `all ${running.length} that run have figures`)]
  return [
    ...shorten(
      without.map((pod) => explainPod(pod, troubled, subject)),
      maxListed,
    ),
  ]
}

function explainPod(pod: CoreV1Pod, troubled: ReadonlySet<string>, { now, resolutionMs }: Pick<Subject, 'now' | 'resolutionMs'>): Finding {
  const where = `pod ${keyOf(pod)}`
  const node = pod.spec.nodeName ?? ''
  if (troubled.has(node)) return problem(where, `has no figures: its node ${node} is in trouble`, 'see that node')
  const waiting = pod.status?.containerStatuses?.find(({ state }) => state?.running === undefined)
  if (waiting !== undefined)
    return warn(
      where,
      `has no figures: its container ${waiting.name} does not run`,
      `kubectl -n ${pod.metadata.namespace} describe pod ${pod.metadata.name} says why`,
    )
  const started = Math.max(...(pod.status?.containerStatuses ?? []).map(({ state }) => Date.parse(state?.running?.startedAt ?? '') || 0))
  if (now - started < 3 * resolutionMs)
    return warn(where, `has no figures yet: it started ${Math.round((now - started) / 1000)} s ago`, 'look again in a moment')
  return problem(where, 'has no figures though all its containers run', `does the collector of node ${node} see them? Ask it for /validate`)
}

async function list<T>(subject: Subject, path: string): Promise<readonly T[] | string> {
  const answer = await ask(subject, path)
  return (jsonOf(answer) as List<T> | undefined)?.items ?? complaintOf(answer)
}

function ask({ access }: Subject, path: string): Promise<Answer> {
  return probe(`${access!.server.replace(/\/$/, '')}${path}`, access)
}
