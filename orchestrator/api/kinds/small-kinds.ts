import { forbiddenField, invalidValue, required } from '../field-errors.ts'
import { between, causesOf, checkFields, choice, count, oneOf, struct, type FieldRules } from '../field-rules.ts'
import {
  ApiextensionsV1CustomResourceDefinition,
  AppsV1ControllerRevision,
  CoordinationV1Lease,
  CoreV1PodTemplate,
  NetworkingV1Ingress,
  NetworkingV1IngressClass,
  NetworkingV1NetworkPolicy,
  NodeV1RuntimeClass,
  PolicyV1PodDisruptionBudget,
  SchedulingV1PriorityClass,
  type CoordinationV1LeaseSpec,
  type NodeV1Overhead,
  type NodeV1Scheduling,
  type PolicyV1PodDisruptionBudgetSpec,
} from '../generated/kinds.ts'
import type { KindPart } from '../kind-declaration.ts'
import { checkLabel } from '../names.ts'
import type { KubeObject } from '../object.ts'
import type { StatusCause } from '../status-error.ts'
import { ageCell, ageColumn, integerColumn, nameColumn, textColumn } from '../table-cells.ts'
import { validateImmutable, validateLabels, validateLabelSelector, validateUnique } from '../validation.ts'
import { certificateSigningRequest } from './certificate-signing-request.ts'
import { ingressAddress, ingressHosts, validateIngress, validateIngressClass, validateIngressCreate } from './ingress.ts'
import { validateNetworkPolicy } from './network-policy-validation.ts'
import { setPodTemplateDefaults } from './pod-defaults.ts'
import { validatePodTemplate } from './pod-validation.ts'
import { validateResources } from './resource-validation.ts'
import { validateTolerations } from './scheduling-validation.ts'
import { mapText, selectorText, share, templateCells } from './workload.ts'

const controllerRevision: KindPart<AppsV1ControllerRevision> = {
  kind: AppsV1ControllerRevision,
  validate: ({ revision }) => count(revision, 'revision'),
  validateCreate: ({ data }) => {
    if (data === undefined || data === null) return [required('data', 'data is mandatory')]
    return typeof data === 'object' && !Array.isArray(data) ? [] : [required('data', 'data must be a valid JSON object')]
  },
  validateUpdate: (object, previous) => validateImmutable('data', object.data, previous.data),
  columns: [nameColumn, textColumn('Controller'), integerColumn('Revision'), ageColumn],
  cells(object, now) {
    const owner = object.metadata.ownerReferences?.find(({ controller }) => controller === true)
    const [group = ''] = (owner?.apiVersion ?? '').includes('/') ? owner!.apiVersion.split('/') : ['']
    const controller = owner === undefined ? '<none>' : `${owner.kind.toLowerCase()}${group === '' ? '' : `.${group}`}/${owner.name}`
    return [object.metadata.name ?? '', controller, object.revision ?? 0, ageCell(object, now)]
  },
}

const customResourceDefinition: KindPart<ApiextensionsV1CustomResourceDefinition> = {
  kind: ApiextensionsV1CustomResourceDefinition,
  setDefaults({ spec }) {
    if (spec.names === undefined) return
    spec.names.singular ||= (spec.names.kind ?? '').toLowerCase()
    spec.names.listKind ||= `${spec.names.kind ?? ''}List`
    spec.conversion ??= { strategy: 'None' }
  },
  columns: [nameColumn, { name: 'Created At', type: 'date' }],
  cells: ({ metadata }) => [metadata.name ?? '', metadata.creationTimestamp ?? ''],
}

const ingress: KindPart<NetworkingV1Ingress> = {
  kind: NetworkingV1Ingress,
  validate: validateIngress,
  validateCreate: validateIngressCreate,
  prepareForCreate(object) {
    object.status = { loadBalancer: {} }
  },
  columns: [nameColumn, textColumn('Class'), textColumn('Hosts'), textColumn('Address'), textColumn('Ports'), ageColumn],
  cells: (object, now) => [
    object.metadata.name ?? '',
    object.spec.ingressClassName ?? '<none>',
    ingressHosts(object),
    ingressAddress(object),
    (object.spec.tls ?? []).length > 0 ? '80, 443' : '80',
    ageCell(object, now),
  ],
}

const ingressClass: KindPart<NetworkingV1IngressClass> = {
  kind: NetworkingV1IngressClass,
  setDefaults({ spec }) {
    if (spec.parameters !== undefined) spec.parameters.scope ??= 'Cluster'
  },
  validate: validateIngressClass,
  validateUpdate: ({ spec }, { spec: previous }) => validateImmutable('spec.controller', spec.controller, previous.controller),
  columns: [nameColumn, textColumn('Controller'), textColumn('Parameters'), ageColumn],
  cells(object, now) {
    const parameters = object.spec.parameters
    const text =
      parameters === undefined
        ? '<none>'
        : `${parameters.kind}${parameters.apiGroup === undefined ? '' : `.${parameters.apiGroup}`}/${parameters.name}`
    return [object.metadata.name ?? '', object.spec.controller ?? '', text, ageCell(object, now)]
  },
}

const leaseRules: FieldRules<CoordinationV1LeaseSpec> = {
  leaseDurationSeconds: between(1, Number.MAX_SAFE_INTEGER, 'must be greater than 0'),
  leaseTransitions: count,
}

const lease: KindPart<CoordinationV1Lease> = {
  kind: CoordinationV1Lease,
  createsOnUpdate: true,
  validate: ({ spec }) => checkFields(spec, 'spec', leaseRules),
  columns: [nameColumn, textColumn('Holder'), ageColumn],
  cells: (object, now) => [object.metadata.name ?? '', object.spec.holderIdentity ?? '', ageCell(object, now)],
}

const networkPolicy: KindPart<NetworkingV1NetworkPolicy> = {
  kind: NetworkingV1NetworkPolicy,
  setDefaults({ spec }) {
    spec.podSelector ??= {}
    spec.policyTypes ??= (spec.egress ?? []).length > 0 ? ['Ingress', 'Egress'] : ['Ingress']
    for (const { ports } of [...(spec.ingress ?? []), ...(spec.egress ?? [])]) for (const port of ports ?? []) port.protocol ??= 'TCP'
  },
  validate: validateNetworkPolicy,
  columns: [nameColumn, textColumn('Pod-Selector'), ageColumn],
  cells: (object, now) => [object.metadata.name ?? '', selectorText(object.spec.podSelector), ageCell(object, now)],
}

const budgetRules: FieldRules<PolicyV1PodDisruptionBudgetSpec> = {
  minAvailable: share,
  maxUnavailable: share,
  selector: (selector, field) => (selector === undefined ? [] : validateLabelSelector(selector, field)),
  unhealthyPodEvictionPolicy: oneOf('AlwaysAllow', 'IfHealthyBudget'),
}

const podDisruptionBudget: KindPart<PolicyV1PodDisruptionBudget> = {
  kind: PolicyV1PodDisruptionBudget,
  nameRule: 'path',
  validate: ({ spec }) => [
    ...(spec.minAvailable !== undefined && spec.maxUnavailable !== undefined
      ? [invalidValue('spec', spec, 'minAvailable and maxUnavailable cannot be both set')]
      : []),
    ...checkFields(spec, 'spec', budgetRules),
  ],
  prepareForCreate(object) {
    object.status = { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 }
  },
  columns: [nameColumn, textColumn('Min Available'), textColumn('Max Unavailable'), integerColumn('Allowed Disruptions'), ageColumn],
  cells: (object, now) => [
    object.metadata.name ?? '',
    String(object.spec.minAvailable ?? 'N/A'),
    String(object.spec.maxUnavailable ?? 'N/A'),
    object.status?.disruptionsAllowed ?? 0,
    ageCell(object, now),
  ],
}

const podTemplate: KindPart<CoreV1PodTemplate> = {
  kind: CoreV1PodTemplate,
  createsOnUpdate: true,
  setDefaults: ({ template }) => setPodTemplateDefaults(template),
  validate: ({ template }) => validatePodTemplate(template, 'template'),
  columns: [nameColumn, textColumn('Containers'), textColumn('Images'), textColumn('Pod Labels')],
  cells: ({ metadata, template }) => [metadata.name ?? '', ...templateCells(template), mapText(template?.metadata?.labels)],
}

/** Priorities above this are the system's own. */
const highestUserPriority = 1_000_000_000

const systemClasses: Readonly<Record<string, number>> = { 'system-node-critical': 2_000_001_000, 'system-cluster-critical': 2_000_000_000 }

function checkSystemClass(name: string, value: number, isDefault: boolean): StatusCause[] {
  const known = Object.hasOwn(systemClasses, name) ? systemClasses[name] : undefined
  const problem =
    known === undefined
      ? `${name} is not a known system priority class`
      : value !== known
        ? `value of ${name} PriorityClass must be ${known}`
        : isDefault
          ? `globalDefault of ${name} PriorityClass must be false`
          : undefined
  const words = `priority class names with 'system-' prefix are reserved for system use only. error: ${problem}`
  return problem === undefined ? [] : [forbiddenField('metadata.name', words)]
}

const priorityClass: KindPart<SchedulingV1PriorityClass> = {
  kind: SchedulingV1PriorityClass,
  setDefaults(object) {
    object.preemptionPolicy ??= 'PreemptLowerPriority'
    object.value ??= 0
  },
  validate: ({ metadata, value, preemptionPolicy, globalDefault = false }) => [
    ...(metadata.name?.startsWith('system-') === true
      ? checkSystemClass(metadata.name, value, globalDefault)
      : value > highestUserPriority
        ? [forbiddenField('value', `maximum allowed value of a user defined priority is ${highestUserPriority}`)]
        : []),
    ...choice(['PreemptLowerPriority', 'Never'])(preemptionPolicy, 'preemptionPolicy'),
  ],
  validateUpdate: (object, previous) => [
    ...(object.value === previous.value ? [] : [forbiddenField('value', 'may not be changed in an update.')]),
    ...validateImmutable('preemptionPolicy', object.preemptionPolicy, previous.preemptionPolicy),
  ],
  columns: [nameColumn, integerColumn('Value'), { name: 'Global-Default', type: 'boolean' }, ageColumn, textColumn('PreemptionPolicy')],
  cells: (object, now) => [
    object.metadata.name ?? '',
    object.value,
    object.globalDefault ?? false,
    ageCell(object, now),
    object.preemptionPolicy ?? '',
  ],
}

const runtimeClassRules: FieldRules<NodeV1RuntimeClass> = {
  handler: (name = '', field) => causesOf(checkLabel, name, field),
  overhead: struct<NodeV1Overhead>({
    podFixed: (limits, field) => (limits === undefined ? [] : validateResources({ limits }, field.replace(/\.podFixed$/, ''))),
  }),
  scheduling: struct<NodeV1Scheduling>({
    nodeSelector: (labels, field) => validateLabels(labels ?? {}, field),
    tolerations: (tolerations = [], field) => [
      ...validateTolerations(tolerations, field),
      ...validateUnique(
        tolerations,
        (_, index) => `${field}[${index}]`,
        ({ key, operator, value, effect }) => ({ key, operator, value, effect }),
      ),
    ],
  }),
}

const runtimeClass: KindPart<NodeV1RuntimeClass> = {
  kind: NodeV1RuntimeClass,
  validate: (object) => checkFields(object, '', runtimeClassRules),
  validateUpdate: (object, previous) => validateImmutable('handler', object.handler, previous.handler),
  columns: [nameColumn, textColumn('Handler'), ageColumn],
  cells: (object, now) => [object.metadata.name ?? '', object.handler, ageCell(object, now)],
}

/** Kinds whose hand-written part is little more than their columns. */
export const smallKinds: readonly KindPart<KubeObject>[] = [
  certificateSigningRequest,
  controllerRevision,
  customResourceDefinition,
  ingress,
  ingressClass,
  lease,
  networkPolicy,
  podDisruptionBudget,
  podTemplate,
  priorityClass,
  runtimeClass,
]
