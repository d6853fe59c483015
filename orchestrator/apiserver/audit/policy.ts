import { DocumentReader, type Field } from '../../../lib/document.ts'
import type { User } from '../auth/user.ts'
import type { RequestInfo } from '../rest/request-info.ts'

/** How much of a request is written down, in upstream's words and order. */
export const auditLevels = ['None', 'Metadata', 'Request', 'RequestResponse'] as const
export type AuditLevel = (typeof auditLevels)[number]
/** When. */
export const auditStages = ['RequestReceived', 'ResponseStarted', 'ResponseComplete', 'Panic'] as const
export type AuditStage = (typeof auditStages)[number]

/** A rule of `audit.k8s.io/v1`; what is empty does not matter. */
export interface AuditRule {
  readonly level: AuditLevel
  readonly users: readonly string[]
  readonly userGroups: readonly string[]
  readonly verbs: readonly string[]
  readonly resources: readonly {
    readonly group: string
    readonly resources: readonly string[]
    readonly resourceNames: readonly string[]
  }[]
  /** The empty name stands for what has no namespace. */
  readonly namespaces: readonly string[]
  readonly nonResourceURLs: readonly string[]
  readonly omitStages: readonly AuditStage[]
  readonly omitManagedFields: boolean | undefined
}

/** What is written down about whom. The first rule that fits a request counts; without one nothing is. */
export interface AuditPolicy {
  readonly rules: readonly AuditRule[]
  readonly omitStages: readonly AuditStage[]
  readonly omitManagedFields: boolean
}

/** What a policy says of one request. */
export interface AuditVerdict {
  readonly level: AuditLevel
  readonly omitStages: readonly AuditStage[]
  readonly omitsManagedFields: boolean
}

const silent: AuditVerdict = { level: 'None', omitStages: [], omitsManagedFields: false }

/** The verdict of a policy on a request. */
export function judge(policy: AuditPolicy, info: RequestInfo, user: User): AuditVerdict {
  const rule = policy.rules.find((candidate) => fits(candidate, info, user))
  if (rule === undefined || rule.level === 'None') return silent
  return {
    level: rule.level,
    omitStages: rule.omitStages.length === 0 ? policy.omitStages : [...policy.omitStages, ...rule.omitStages],
    omitsManagedFields: rule.omitManagedFields ?? policy.omitManagedFields,
  }
}

function fits(rule: AuditRule, info: RequestInfo, user: User): boolean {
  if (rule.users.length > 0 && !rule.users.includes(user.name)) return false
  if (rule.userGroups.length > 0 && !user.groups.some((group) => rule.userGroups.includes(group))) return false
  if (rule.verbs.length > 0 && !rule.verbs.includes(info.verb) && !rule.verbs.includes('*')) return false
  if (rule.namespaces.length > 0 || rule.resources.length > 0) return info.isResource && fitsResource(rule, info)
  if (rule.nonResourceURLs.length > 0) return !info.isResource && rule.nonResourceURLs.some((pattern) => fitsPath(pattern, info.path))
  return true
}

function fitsResource({ namespaces, resources }: AuditRule, info: RequestInfo): boolean {
  if (namespaces.length > 0 && !namespaces.includes(info.namespace)) return false
  if (resources.length === 0) return true
  const full = info.subresource === '' ? info.resource : `${info.resource}/${info.subresource}`
  return resources.some((selected) => {
    if (selected.group !== info.group) return false
    if (selected.resourceNames.length > 0 && !selected.resourceNames.includes(info.name)) return false
    if (selected.resources.length === 0) return true
    return selected.resources.some(
      (name) =>
        name === full || name === '*' || (info.subresource !== '' && (name === `*/${info.subresource}` || name === `${info.resource}/*`)),
    )
  })
}

function fitsPath(pattern: string, path: string): boolean {
  return pattern === '*' || pattern === path || (pattern.endsWith('*') && path.startsWith(pattern.slice(0, -1)))
}

/** Reads a file with a Policy of `audit.k8s.io/v1`. Throws `FileError` with everything that is wrong with it. */
export function parseAuditPolicy(file: string, text: string): AuditPolicy {
  const reader = new DocumentReader(file, text)
  const root = reader.record(
    reader.root,
    ['apiVersion', 'kind', 'metadata', 'rules', 'omitStages', 'omitManagedFields'],
    ['apiVersion', 'kind', 'rules'],
  )
  reader.word(root.apiVersion, ['audit.k8s.io/v1'])
  reader.word(root.kind, ['Policy'])
  const rules = reader.list(root.rules).map((field) => readRule(reader, field))
  if (root.rules !== undefined && rules.length === 0) reader.problem(root.rules, 'must have at least one rule')
  const policy = {
    rules,
    omitStages: readStages(reader, root.omitStages),
    omitManagedFields: reader.boolean(root.omitManagedFields) ?? false,
  }
  reader.finish()
  return policy
}

const ruleFields = [
  'level',
  'users',
  'userGroups',
  'verbs',
  'resources',
  'namespaces',
  'nonResourceURLs',
  'omitStages',
  'omitManagedFields',
] as const

function readRule(reader: DocumentReader, field: Field): AuditRule {
  const rule = reader.record(field, ruleFields, ['level'])
  const textsOf = (member: Field | undefined) => (member === undefined ? [] : reader.texts(member))
  const nonResourceURLs = textsOf(rule.nonResourceURLs)
  if (nonResourceURLs.length > 0 && (rule.resources !== undefined || rule.namespaces !== undefined))
    reader.problem(rule.nonResourceURLs!, 'rules cannot apply to both regular resources and non-resource URLs')
  for (const url of nonResourceURLs)
    if (url !== '*' && (!url.startsWith('/') || url.slice(0, -1).includes('*')))
      reader.problem(rule.nonResourceURLs!, 'must begin with "/" and may have one "*", at its end')
  const level = reader.word(rule.level, auditLevels)
  return {
    level: level ?? 'None',
    users: textsOf(rule.users),
    userGroups: textsOf(rule.userGroups),
    verbs: textsOf(rule.verbs),
    resources: reader.list(rule.resources).map((item) => {
      const { group, resources, resourceNames } = reader.record(item, ['group', 'resources', 'resourceNames'])
      const names = textsOf(resourceNames)
      if (names.length > 0 && textsOf(resources).length === 0)
        reader.problem(resourceNames!, 'using resourceNames requires at least one resource')
      return { group: (group === undefined ? undefined : reader.text(group)) ?? '', resources: textsOf(resources), resourceNames: names }
    }),
    namespaces: textsOf(rule.namespaces),
    nonResourceURLs,
    omitStages: readStages(reader, rule.omitStages),
    omitManagedFields: reader.boolean(rule.omitManagedFields),
  }
}

function readStages(reader: DocumentReader, field: Field | undefined): readonly AuditStage[] {
  const stages = field === undefined ? [] : reader.texts(field)
  const wrong = stages.find((stage) => !(auditStages as readonly string[]).includes(stage))
  if (wrong !== undefined) reader.problem(field!, `must be of ${auditStages.join(', ')}`)
  return stages.filter((stage): stage is AuditStage => (auditStages as readonly string[]).includes(stage))
}

const anything: Omit<AuditRule, 'level'> = {
  users: [],
  userGroups: [],
  verbs: [],
  resources: [],
  namespaces: [],
  nonResourceURLs: [],
  omitStages: [],
  omitManagedFields: undefined,
}
const resources = (group: string, ...names: string[]) => ({ group, resources: names, resourceNames: [] })
/** What controllers and scheduler report of what they do, in step with it. */
const reports = [
  resources('', '*/status', 'endpoints'),
  resources('discovery.k8s.io', 'endpointslices'),
  ...['apps', 'autoscaling', 'batch', 'policy', 'storage.k8s.io'].map((group) => resources(group, '*/status')),
  { ...resources('', 'configmaps'), resourceNames: ['cluster-autoscaler-status'] },
]
const reads = ['get', 'list', 'watch']

/**
 * Who changed what, who came into containers and who read secrets, without any body. What machines write all the time (leases, events, status of
 * nodes and pods, what controllers report) and reading is left out.
 */
export const defaultAuditPolicy: AuditPolicy = {
  omitStages: ['RequestReceived'],
  omitManagedFields: true,
  rules: [
    {
      ...anything,
      level: 'Metadata',
      resources: [resources('', 'pods/exec', 'pods/attach', 'pods/portforward', 'pods/proxy', 'services/proxy', 'nodes/proxy')],
    },
    { ...anything, level: 'None', userGroups: ['system:nodes'], verbs: reads },
    { ...anything, level: 'Metadata', verbs: reads, resources: [resources('', 'secrets')] },
    { ...anything, level: 'None', verbs: [...reads, 'head', 'options'] },
    {
      ...anything,
      level: 'None',
      resources: [
        resources('', 'events', 'nodes/status'),
        resources('events.k8s.io', 'events'),
        resources('coordination.k8s.io', 'leases'),
        resources('authentication.k8s.io', 'tokenreviews', 'selfsubjectreviews'),
        resources('authorization.k8s.io', '*'),
      ],
    },
    { ...anything, level: 'None', userGroups: ['system:nodes'], resources: [resources('', 'pods/status')] },
    { ...anything, level: 'None', userGroups: ['system:serviceaccounts:kube-system'], resources: reports },
    { ...anything, level: 'None', users: ['system:kube-scheduler'], resources: reports },
    { ...anything, level: 'Metadata' },
  ],
}
