import type { Clock } from '../../../../lib/clock.ts'
import type {
  AppsV1Deployment,
  BatchV1CronJob,
  CoreV1Container,
  CoreV1EphemeralContainer,
  CoreV1Namespace,
  CoreV1Pod,
  CoreV1PodTemplate,
  CoreV1PodTemplateSpec,
} from '../../../api/generated/kinds.ts'
import type { KubeObject } from '../../../api/object.ts'
import { forbidden, invalid, type StatusCause } from '../../../api/status-error.ts'
import type { Store } from '../../../store/store.ts'
import { type AdmissionPlugin, type Attributes, resourceOf } from '../admission.ts'
import { warnAboutExisting } from './existing-pods.ts'
import { checkedOf } from './pod.ts'
import { compareLevels, isSameStandard, type Policy, prefix, readPolicy, type ReadPolicy, type Standard, standardText } from './policy.ts'
import { detailsText, violationsOf } from './standards.ts'

type TemplateOf = (object: KubeObject) => CoreV1PodTemplateSpec | undefined

const templateOfSpec: TemplateOf = (object) => (object as Partial<AppsV1Deployment>).spec?.template

/** What pods are made of later on: warned of, as whoever writes it does not see how its pods are refused. */
const templates: ReadonlyMap<string, TemplateOf> = new Map<string, TemplateOf>([
  ['replicationcontrollers', templateOfSpec],
  ['replicasets.apps', templateOfSpec],
  ['deployments.apps', templateOfSpec],
  ['statefulsets.apps', templateOfSpec],
  ['daemonsets.apps', templateOfSpec],
  ['jobs.batch', templateOfSpec],
  ['cronjobs.batch', (object) => (object as Partial<BatchV1CronJob>).spec?.jobTemplate?.spec?.template],
  ['podtemplates', (object) => (object as CoreV1PodTemplate).template],
])

/** Parts of pods that say nothing of how they run. */
const ignoredParts = new Set(['exec', 'attach', 'binding', 'eviction', 'log', 'portforward', 'proxy', 'status'])

/**
 * The Pod Security standards that a namespace's labels ask for: pods that violate one are refused, noted in the audit log, or the client is
 * warned. As upstream's plug-in without a configuration: nothing is asked where there are no labels, and nobody is exempt.
 */
export function podSecurity(store: Store, clock: Clock): AdmissionPlugin {
  const readOf = (namespace: string): ReadPolicy =>
    readPolicy((store.get(`core/namespaces/${namespace}`)?.object as CoreV1Namespace | undefined)?.metadata.labels)
  return {
    name: 'PodSecurity',
    admit(attributes) {
      const { declaration, namespace, subresource, object, previous } = attributes
      if (object === undefined) return
      const resource = resourceOf(declaration)
      if (resource === 'pods') {
        if (ignoredParts.has(subresource)) return
        const pod = object as CoreV1Pod
        const read = readOf(namespace)
        if (isPrivileged(read, 'enforce', 'audit', 'warn'))
          return attributes.audit?.annotate(`${prefix}enforce-policy`, 'privileged:latest')
        if (previous === undefined || runsOtherImages(pod, previous as CoreV1Pod)) judge(attributes, read, pod, true)
        return
      }
      if (subresource !== '') return
      if (resource === 'namespaces') return admitNamespace(attributes, store, clock)
      const template = templates.get(resource)?.(object)
      if (template === undefined) return
      const read = readOf(namespace)
      if (!isPrivileged(read, 'audit', 'warn')) judge(attributes, read, template, false)
    },
  }
}

const isPrivileged = ({ policy, causes }: ReadPolicy, ...modes: readonly (keyof Policy)[]) =>
  causes.length === 0 && modes.every((mode) => policy[mode].level === 'privileged')

/** Labels are right when they are set; a stricter standard is told what it finds. */
function admitNamespace(attributes: Attributes, store: Store, clock: Clock): void {
  const { declaration, name, object, previous } = attributes
  const { policy, causes } = readPolicy(object!.metadata.labels)
  const before = previous === undefined ? undefined : readPolicy(previous.metadata.labels)
  // Labels that were wrong before do not keep the rest from being changed.
  if (causes.length > 0 && (before === undefined || JSON.stringify(causes) !== JSON.stringify(before.causes)))
    throw invalid(declaration.kind, name, causes)
  if (before === undefined || !isStricter(policy.enforce, before.policy.enforce)) return
  for (const warning of warnAboutExisting(store, clock, name, policy.enforce)) attributes.warnings.push(warning)
}

/** Whether pods might be refused that were not before. Versions are not compared: any other may be the stricter one. */
function isStricter(now: Standard, before: Standard): boolean {
  if (isSameStandard(now, before) || now.level === 'privileged') return false
  return now.version !== before.version || compareLevels(now.level, before.level) > 0
}

/** The images of a pod are what can be changed while it runs and must be judged. Everything else was when it was made. */
function runsOtherImages({ spec }: CoreV1Pod, { spec: old }: CoreV1Pod): boolean {
  return (
    areOther(spec.containers, old.containers) ||
    areOther(spec.initContainers, old.initContainers) ||
    (spec.ephemeralContainers ?? []).some(({ name, image }) => {
      const before = old.ephemeralContainers?.find((one) => one.name === name)
      return before === undefined || before.image !== image
    })
  )
}

type Containers = readonly (CoreV1Container | CoreV1EphemeralContainer)[]

const areOther = (now: Containers = [], before: Containers = []) =>
  now.length !== before.length || now.some(({ image }, index) => image !== before[index]!.image)

/** Asks each standard of a pod or a template; refuses only where it is to be enforced. */
function judge(attributes: Attributes, { policy, causes }: ReadPolicy, template: CoreV1PodTemplateSpec, isEnforced: boolean): void {
  const pod = checkedOf(template)
  if (pod === undefined) return
  const { declaration, name, audit, warnings } = attributes
  const found = new Map<string, string>()
  /** What is wrong by a standard; '' where nothing is. */
  const problemsOf = (standard: Standard): string => {
    const key = standardText(standard)
    let text = found.get(key)
    if (text === undefined) found.set(key, (text = detailsText(violationsOf(standard, pod))))
    return text
  }
  const told = (standard: Standard) => `PodSecurity "${standardText(standard)}": ${problemsOf(standard)}`
  if (causes.length > 0) audit?.annotate(`${prefix}error`, `Failed to parse policy: ${causesText(causes)}`)
  if (isEnforced) audit?.annotate(`${prefix}enforce-policy`, standardText(policy.enforce))
  if (audit !== undefined && problemsOf(policy.audit) !== '')
    audit.annotate(`${prefix}audit-violations`, `would violate ${told(policy.audit)}`)
  if (isEnforced && problemsOf(policy.enforce) !== '') throw forbidden(declaration.kind, name, `violates ${told(policy.enforce)}`)
  if (problemsOf(policy.warn) !== '') warnings.push(`would violate ${told(policy.warn)}`)
}

function causesText(causes: readonly StatusCause[]): string {
  const texts = causes.map(({ field, message }) => `${field}: ${message}`)
  return texts.length === 1 ? texts[0]! : `[${texts.join(', ')}]`
}
