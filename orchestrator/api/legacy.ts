import type { AliasDeclaration } from './kind-declaration.ts'
import {
  AppsV1DaemonSet,
  AppsV1Deployment,
  AppsV1StatefulSet,
  BatchV1CronJob,
  CoreV1Pod,
  CoreV1ReplicationController,
  CoreV1Service,
  StorageV1StorageClass,
} from './generated/kinds.ts'
import { fromDesiredController, fromDesiredPod, fromDesiredService } from './legacy-desired-state.ts'
import { apiVersionOf, type Kind, type KubeObject } from './object.ts'

/** A retired kind: where it used to be served, and the kind it lives on as. */
export interface LegacyKind {
  readonly kind: Kind
  readonly alias: AliasDeclaration
}

type Fields = Record<string, unknown>

const isObject = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value)
const objectAt = (value: unknown, field: string): Fields | undefined =>
  isObject(value) && isObject(value[field]) ? value[field] : undefined

function legacy(group: string, version: string, target: Kind, convertBody: (body: Fields) => Fields): LegacyKind {
  return {
    kind: { ...target, group, version },
    alias: {
      kind: target,
      convert: (body) => ({ ...convertBody(body as unknown as Fields), apiVersion: apiVersionOf(target) }) as unknown as KubeObject,
    },
  }
}

/** Before apps/v1 a workload without a selector selected its own template's labels. */
function withSelector(body: Fields): Fields {
  const spec = objectAt(body, 'spec')
  const labels = objectAt(objectAt(objectAt(spec, 'template'), 'metadata'), 'labels')
  if (spec === undefined || spec['selector'] !== undefined || labels === undefined) return body
  return { ...body, spec: { ...spec, selector: { matchLabels: labels } } }
}

function withoutSpecField(body: Fields, field: string): Fields {
  const spec = objectAt(body, 'spec')
  if (spec === undefined) return body
  const { [field]: _, ...rest } = spec
  return { ...body, spec: rest }
}

function withUpdateStrategy(body: Fields, type: string): Fields {
  const spec = objectAt(body, 'spec')
  return spec === undefined || spec['updateStrategy'] !== undefined ? body : { ...body, spec: { ...spec, updateStrategy: { type } } }
}

/**
 * Manifests of that time were accepted with `volumes` indented one level too deep, inside the container: there they meant the pod's.
 */
function withPodVolumes(body: Fields): Fields {
  const spec = objectAt(body, 'spec')
  const template = objectAt(spec, 'template')
  const podSpec = objectAt(template, 'spec')
  const containers = podSpec?.['containers']
  if (!Array.isArray(containers)) return body
  const misplaced = containers.flatMap((container) =>
    isObject(container) && Array.isArray(container['volumes']) ? (container['volumes'] as unknown[]) : [],
  )
  if (misplaced.length === 0) return body
  const volumes = [...(Array.isArray(podSpec!['volumes']) ? (podSpec!['volumes'] as unknown[]) : []), ...misplaced]
  const cleaned = containers.map((container) => {
    if (!isObject(container)) return container as unknown
    const { volumes: _, ...rest } = container
    return rest
  })
  return { ...body, spec: { ...spec, template: { ...template, spec: { ...podSpec, containers: cleaned, volumes } } } }
}

const toDeployment = (body: Fields) => withPodVolumes(withoutSpecField(withSelector(body), 'rollbackTo'))
const toDaemonSet = (body: Fields) =>
  withPodVolumes(withUpdateStrategy(withoutSpecField(withSelector(body), 'templateGeneration'), 'OnDelete'))
const toStatefulSet = (body: Fields) => withPodVolumes(withUpdateStrategy(withSelector(body), 'OnDelete'))

/** Every retired kind that is still understood. */
export const legacyKinds: readonly LegacyKind[] = [
  legacy('', 'v1beta1', CoreV1Pod, fromDesiredPod),
  legacy('', 'v1beta1', CoreV1ReplicationController, fromDesiredController),
  legacy('', 'v1beta1', CoreV1Service, fromDesiredService),
  legacy('extensions', 'v1beta1', AppsV1Deployment, toDeployment),
  legacy('extensions', 'v1beta1', AppsV1DaemonSet, toDaemonSet),
  legacy('apps', 'v1beta1', AppsV1Deployment, toDeployment),
  legacy('apps', 'v1beta1', AppsV1StatefulSet, toStatefulSet),
  legacy('batch', 'v2alpha1', BatchV1CronJob, (body) => body),
  legacy('storage.k8s.io', 'v1beta1', StorageV1StorageClass, (body) => body),
]

/** The modern form of a retired kind's object; `undefined` for an object of any other kind. The argument stays as it is. */
export function convertLegacy(object: KubeObject): KubeObject | undefined {
  return legacyKinds.find(({ kind }) => kind.kind === object.kind && apiVersionOf(kind) === object.apiVersion)?.alias.convert(object)
}
