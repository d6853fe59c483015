import { createHash } from 'node:crypto'
import { toTimestamp } from '../../../lib/clock.ts'
import { CoreV1Pod } from '../../api/generated/kinds.ts'
import { applyDefaults } from '../../api/defaulting.ts'
import { findKindByName } from '../../api/kinds.ts'
import type { KubeObject } from '../../api/object.ts'
import { checkSchema, decodeYaml } from '../../api/schema.ts'
import { validateObject } from '../../api/validation.ts'
import { staticAnnotation } from './annotations.ts'

export interface ManifestContext {
  readonly path: string
  readonly nodeName: string
  readonly nowMs: number
}

/**
 * The pod that a file describes, in YAML or JSON, as the agent runs it: named after the node, with an identity that changes with the
 * file. Throws an `Error` that says what is wrong with the file.
 */
export function parseManifest(text: string, { path, nodeName, nowMs }: ManifestContext): CoreV1Pod {
  const { value } = decodeYaml(text)
  const { typeErrors, unknownFields } = checkSchema('io.k8s.api.core.v1.Pod', value)
  if (typeErrors[0] !== undefined) throw new Error(typeErrors[0])
  if (unknownFields[0] !== undefined) throw new Error(`unknown field "${unknownFields[0]}"`)
  const given = value as CoreV1Pod
  if (given.apiVersion !== 'v1' || given.kind !== 'Pod')
    throw new Error(`apiVersion "${given.apiVersion}", kind "${given.kind}": only apiVersion "v1", kind "Pod" can be run from a file`)
  const uid = createHash('md5').update(`${nodeName}\n${path}\n${text}`).digest('hex')
  const pod: CoreV1Pod = {
    ...given,
    metadata: {
      ...given.metadata,
      name: `${given.metadata?.name ?? ''}-${nodeName}`,
      namespace: given.metadata?.namespace || 'default',
      uid,
      creationTimestamp: toTimestamp(nowMs),
      annotations: {
        ...given.metadata?.annotations,
        [staticAnnotation.hash]: uid,
        [staticAnnotation.seen]: toTimestamp(nowMs),
        [staticAnnotation.source]: 'file',
      },
    },
    // Nothing drives such a pod away: the file alone decides.
    spec: { ...given.spec, nodeName, tolerations: [...(given.spec?.tolerations ?? []), { operator: 'Exists', effect: 'NoExecute' }] },
    status: { phase: 'Pending' },
  }
  verify(pod)
  return pod
}

function verify(pod: CoreV1Pod): void {
  const declaration = findKindByName(CoreV1Pod.group, CoreV1Pod.version, CoreV1Pod.kind)!
  applyDefaults(declaration, pod as KubeObject)
  const cause = validateObject(declaration, pod)[0]
  if (cause !== undefined) throw new Error(`${cause.field}: ${cause.message}`)
  const reference = apiReference(pod)
  if (reference !== undefined) throw new Error(`static pods may not reference ${reference}`)
}

/** What of a pod only the API could answer; it may not be there when the pod starts. */
function apiReference({ spec }: CoreV1Pod): string | undefined {
  if (spec.serviceAccountName) return 'serviceaccounts'
  for (const { secret, configMap, projected, persistentVolumeClaim } of spec.volumes ?? []) {
    if (secret !== undefined) return 'secrets'
    if (configMap !== undefined) return 'configmaps'
    if (persistentVolumeClaim !== undefined) return 'persistentvolumeclaims'
    if (projected?.sources?.some((source) => source.secret ?? source.configMap ?? source.serviceAccountToken) === true)
      return 'objects of the API in projected volumes'
  }
  for (const { env = [], envFrom = [] } of [...spec.containers, ...(spec.initContainers ?? [])]) {
    if (envFrom.length > 0) return 'configmaps or secrets'
    if (env.some(({ valueFrom }) => (valueFrom?.configMapKeyRef ?? valueFrom?.secretKeyRef) !== undefined)) return 'configmaps or secrets'
  }
  return undefined
}
