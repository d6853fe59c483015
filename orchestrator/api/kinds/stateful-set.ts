import { isDeepStrictEqual } from 'node:util'
import { forbiddenField, invalidValue, required } from '../field-errors.ts'
import { checkFields, count, formed, oneOf, struct, type FieldRules } from '../field-rules.ts'
import {
  AppsV1StatefulSet,
  type AppsV1RollingUpdateStatefulSetStrategy,
  type AppsV1StatefulSetOrdinals,
  type AppsV1StatefulSetPersistentVolumeClaimRetentionPolicy,
  type AppsV1StatefulSetSpec,
  type AppsV1StatefulSetUpdateStrategy,
  type CoreV1PodTemplateSpec,
} from '../generated/kinds.ts'
import type { KindPart } from '../kind-declaration.ts'
import { selectorFromObject } from '../labels.ts'
import { checkLabel } from '../names.ts'
import type { StatusCause } from '../status-error.ts'
import { ageCell, ageColumn, nameColumn, textColumn } from '../table-cells.ts'
import { setClaimDefaults, validateClaimSpec } from './persistent-volume-claim.ts'
import { setPodTemplateDefaults } from './pod-defaults.ts'
import { validateLastingTemplate } from './pod-validation.ts'
import { isNone, replicaScale, share, templateCells, templateColumns, validateTemplateSelector } from './workload.ts'

const retention = oneOf('Retain', 'Delete')
const rules: FieldRules<AppsV1StatefulSetSpec> = {
  podManagementPolicy: (policy = '', field) =>
    policy === ''
      ? [required(field)]
      : ['OrderedReady', 'Parallel'].includes(policy)
        ? []
        : [invalidValue(field, policy, "must be 'OrderedReady' or 'Parallel'")],
  persistentVolumeClaimRetentionPolicy: struct<AppsV1StatefulSetPersistentVolumeClaimRetentionPolicy>({
    whenDeleted: retention,
    whenScaled: retention,
  }),
  replicas: count,
  minReadySeconds: count,
  ordinals: struct<AppsV1StatefulSetOrdinals>({ start: count }),
  serviceName: formed(checkLabel),
}
const rollingRules: FieldRules<AppsV1RollingUpdateStatefulSetStrategy> = {
  partition: count,
  maxUnavailable: (value, field) => [
    ...share(value, field),
    ...(value !== undefined && isNone(value) ? [invalidValue(field, value, 'cannot be 0')] : []),
  ],
}
const fixedMessage =
  "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"

export const statefulSet: KindPart<AppsV1StatefulSet> = {
  kind: AppsV1StatefulSet,
  nameRule: 'label',
  setDefaults({ spec }) {
    spec.podManagementPolicy ||= 'OrderedReady'
    const strategy = (spec.updateStrategy ??= {})
    strategy.type ||= 'RollingUpdate'
    if (strategy.type === 'RollingUpdate') (strategy.rollingUpdate ??= {}).partition ??= 0
    const retention = (spec.persistentVolumeClaimRetentionPolicy ??= {})
    retention.whenDeleted ||= 'Retain'
    retention.whenScaled ||= 'Retain'
    spec.replicas ??= 1
    spec.revisionHistoryLimit ??= 10
    for (const claim of spec.volumeClaimTemplates ?? []) {
      claim.apiVersion ??= 'v1'
      claim.kind ??= 'PersistentVolumeClaim'
      setClaimDefaults(claim)
      claim.status ??= { phase: 'Pending' }
    }
    setPodTemplateDefaults(spec.template)
  },
  validate: ({ spec }) => [
    ...checkFields(spec, 'spec', rules),
    ...validateStrategy(spec.updateStrategy ?? {}),
    ...(spec.volumeClaimTemplates ?? []).flatMap((claim, index) =>
      validateClaimSpec(claim.spec ?? {}, `spec.volumeClaimTemplates[${index}].spec`),
    ),
    ...validateTemplateSelector(spec.selector, spec.template, 'statefulset'),
    ...validateLastingTemplate(templateOf(spec), 'StatefulSet'),
  ],
  validateUpdate: (object, previous) =>
    isDeepStrictEqual(fixedFields(object.spec), fixedFields(previous.spec)) ? [] : [forbiddenField('spec', fixedMessage)],
  prepareForCreate(object) {
    object.status = { replicas: 0, availableReplicas: 0 }
  },
  scale: replicaScale(({ selector }) => selectorFromObject(selector)),
  columns: [nameColumn, textColumn('Ready'), ageColumn, ...templateColumns],
  cells: (object, now) => [
    object.metadata.name ?? '',
    `${object.status?.readyReplicas ?? 0}/${object.spec.replicas ?? 0}`,
    ageCell(object, now),
    ...templateCells(object.spec.template),
  ],
}

function validateStrategy(strategy: AppsV1StatefulSetUpdateStrategy): StatusCause[] {
  const { type = '', rollingUpdate: rolling } = strategy
  const path = 'spec.updateStrategy'
  if (type === '') return [required(path)]
  if (type === 'OnDelete')
    return rolling === undefined ? [] : [invalidValue(`${path}.rollingUpdate`, rolling, "only allowed for updateStrategy 'RollingUpdate'")]
  if (type !== 'RollingUpdate') return [invalidValue(path, strategy, "must be 'RollingUpdate' or 'OnDelete'")]
  return rolling === undefined ? [] : checkFields(rolling, `${path}.rollingUpdate`, rollingRules)
}

/** The template as its pods will be: with the volumes of claim templates, and named by the controller. */
function templateOf({ template, volumeClaimTemplates = [] }: AppsV1StatefulSetSpec): CoreV1PodTemplateSpec | undefined {
  if (template?.spec === undefined) return template
  const names = [...new Set(volumeClaimTemplates.map(({ metadata }) => metadata?.name ?? ''))]
  const volumes = [
    ...names.map((name) => ({ name, persistentVolumeClaim: { claimName: name } })),
    ...(template.spec.volumes ?? []).filter(({ name }) => !names.includes(name)),
  ]
  const { hostname: _, subdomain: __, ...spec } = template.spec
  return { ...template, spec: { ...spec, volumes } }
}

function fixedFields(spec: AppsV1StatefulSetSpec): object {
  const {
    replicas: _,
    ordinals: __,
    template: ___,
    updateStrategy: ____,
    revisionHistoryLimit: _____,
    persistentVolumeClaimRetentionPolicy: ______,
    minReadySeconds: _______,
    ...fixed
  } = spec
  return fixed
}
