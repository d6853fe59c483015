import { forbiddenField, invalidValue } from '../field-errors.ts'
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
} from '../generated/kinds.ts'
import type { KindPart } from '../kind-declaration.ts'
import type { KubeObject } from '../object.ts'
import { ageCell, ageColumn, integerColumn, nameColumn, textColumn } from '../table-cells.ts'
import { validateImmutable, validateLabelSelector } from '../validation.ts'
import { certificateSigningRequest } from './certificate-signing-request.ts'
import { ingressAddress, ingressHosts, validateIngress } from './ingress.ts'
import { setPodTemplateDefaults } from './pod-defaults.ts'
import { validatePodTemplate } from './pod-validation.ts'
import { mapText, selectorText, templateCells, validateIntOrPercent } from './workload.ts'

const controllerRevision: KindPart<AppsV1ControllerRevision> = {
  kind: AppsV1ControllerRevision,
  validate: ({ revision }) => ((revision ?? 0) < 0 ? [invalidValue('revision', revision, 'must be greater than or equal to 0')] : []),
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

const lease: KindPart<CoordinationV1Lease> = {
  kind: CoordinationV1Lease,
  createsOnUpdate: true,
  validate: ({ spec }) => [
    ...(spec.leaseDurationSeconds !== undefined && spec.leaseDurationSeconds <= 0
      ? [invalidValue('spec.leaseDurationSeconds', spec.leaseDurationSeconds, 'must be greater than 0')]
      : []),
    ...(spec.leaseTransitions !== undefined && spec.leaseTransitions < 0
      ? [invalidValue('spec.leaseTransitions', spec.leaseTransitions, 'must be greater than or equal to 0')]
      : []),
  ],
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
  validate: ({ spec }) => validateLabelSelector(spec.podSelector ?? {}, 'spec.podSelector'),
  columns: [nameColumn, textColumn('Pod-Selector'), ageColumn],
  cells: (object, now) => [object.metadata.name ?? '', selectorText(object.spec.podSelector), ageCell(object, now)],
}

const podDisruptionBudget: KindPart<PolicyV1PodDisruptionBudget> = {
  kind: PolicyV1PodDisruptionBudget,
  validate: ({ spec }) => [
    ...(spec.minAvailable !== undefined && spec.maxUnavailable !== undefined
      ? [invalidValue('spec', spec, 'minAvailable and maxUnavailable cannot be both set')]
      : []),
    ...validateIntOrPercent(spec.minAvailable, 'spec.minAvailable'),
    ...validateIntOrPercent(spec.maxUnavailable, 'spec.maxUnavailable'),
    ...(spec.selector === undefined ? [] : validateLabelSelector(spec.selector, 'spec.selector')),
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

const priorityClass: KindPart<SchedulingV1PriorityClass> = {
  kind: SchedulingV1PriorityClass,
  setDefaults(object) {
    object.preemptionPolicy ??= 'PreemptLowerPriority'
    object.value ??= 0
  },
  validate: ({ metadata, value }) =>
    value > highestUserPriority && metadata.name?.startsWith('system-') !== true
      ? [forbiddenField('value', `maximum allowed value of a user defined priority is ${highestUserPriority}`)]
      : [],
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

const runtimeClass: KindPart<NodeV1RuntimeClass> = {
  kind: NodeV1RuntimeClass,
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
