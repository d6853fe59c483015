import { isDeepStrictEqual } from 'node:util'
import { forbiddenField, invalidValue, notSupported } from '../field-errors.ts'
import { AppsV1StatefulSet, type AppsV1StatefulSetSpec } from '../generated/kinds.ts'
import type { KindPart } from '../kind-declaration.ts'
import { selectorFromObject } from '../labels.ts'
import type { StatusCause } from '../status-error.ts'
import { ageCell, ageColumn, nameColumn, textColumn } from '../table-cells.ts'
import { setClaimDefaults } from './persistent-volume-claim.ts'
import { setPodTemplateDefaults } from './pod-defaults.ts'
import { validatePodTemplate } from './pod-validation.ts'
import { scaleOf, templateCells, templateColumns, validateCounts, validateTemplateSelector } from './workload.ts'

const policies = ['OrderedReady', 'Parallel']
const strategies = ['OnDelete', 'RollingUpdate']
const fixedMessage =
  "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"

export const statefulSet: KindPart<AppsV1StatefulSet> = {
  kind: AppsV1StatefulSet,
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
    ...validateSpec(spec),
    ...validateTemplateSelector(spec.selector, spec.template),
    // Volumes of claim templates can be mounted as if the template had them.
    ...validatePodTemplate(withClaimVolumes(spec), 'spec.template', ['Always']),
  ],
  validateUpdate: (object, previous) =>
    isDeepStrictEqual(fixedFields(object.spec), fixedFields(previous.spec)) ? [] : [forbiddenField('spec', fixedMessage)],
  prepareForCreate(object) {
    object.status = { replicas: 0, availableReplicas: 0 }
  },
  scale: {
    read: ({ metadata, spec, status }) =>
      scaleOf({
        metadata,
        replicas: spec.replicas ?? 0,
        statusReplicas: status?.replicas ?? 0,
        selector: selectorFromObject(spec.selector),
      }),
    write: (object, replicas) => ({ ...object, spec: { ...object.spec, replicas } }),
  },
  columns: [nameColumn, textColumn('Ready'), ageColumn, ...templateColumns],
  cells: (object, now) => [
    object.metadata.name ?? '',
    `${object.status?.readyReplicas ?? 0}/${object.spec.replicas ?? 0}`,
    ageCell(object, now),
    ...templateCells(object.spec.template),
  ],
}

function validateSpec({
  podManagementPolicy = '',
  updateStrategy,
  replicas,
  minReadySeconds,
  revisionHistoryLimit,
}: AppsV1StatefulSetSpec): StatusCause[] {
  const causes = validateCounts({
    'spec.replicas': replicas,
    'spec.minReadySeconds': minReadySeconds,
    'spec.revisionHistoryLimit': revisionHistoryLimit,
  })
  if (!policies.includes(podManagementPolicy))
    causes.push(invalidValue('spec.podManagementPolicy', podManagementPolicy, `must be '${policies.join("' or '")}'`))
  if (!strategies.includes(updateStrategy?.type ?? ''))
    causes.push(notSupported('spec.updateStrategy', updateStrategy?.type ?? '', strategies))
  const partition = updateStrategy?.rollingUpdate?.partition
  return [...causes, ...validateCounts({ 'spec.updateStrategy.rollingUpdate.partition': partition })]
}

function withClaimVolumes({ template, volumeClaimTemplates = [] }: AppsV1StatefulSetSpec): AppsV1StatefulSetSpec['template'] {
  if (template?.spec === undefined || volumeClaimTemplates.length === 0) return template
  const given = new Set(template.spec.volumes?.map(({ name }) => name))
  const claims = volumeClaimTemplates.flatMap(({ metadata }) => {
    const name = metadata?.name ?? ''
    return given.has(name) ? [] : [{ name, persistentVolumeClaim: { claimName: name } }]
  })
  return { ...template, spec: { ...template.spec, volumes: [...(template.spec.volumes ?? []), ...claims] } }
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
