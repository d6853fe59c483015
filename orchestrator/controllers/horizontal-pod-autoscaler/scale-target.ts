import { AppsV1Deployment, AppsV1ReplicaSet, AppsV1StatefulSet, CoreV1ReplicationController } from '../../api/generated/kinds.ts'
import type { AutoscalingV1Scale, AutoscalingV2CrossVersionObjectReference } from '../../api/generated/kinds.ts'
import type { Kind } from '../../api/object.ts'
import { isConflict } from '../../api/status-error.ts'
import type { Client } from '../../client/client.ts'

/** How often a write of the size is tried again when somebody else changed the target meanwhile. */
const scaleAttempts = 3

/** Built-in kinds that can be scaled, by group and kind. Old manifests name a group that is gone, or `v1` for a Deployment. */
const builtIn: Readonly<Record<string, Kind>> = {
  '/ReplicationController': CoreV1ReplicationController,
  '/Deployment': AppsV1Deployment,
  'apps/Deployment': AppsV1Deployment,
  'apps/ReplicaSet': AppsV1ReplicaSet,
  'apps/StatefulSet': AppsV1StatefulSet,
  'extensions/Deployment': AppsV1Deployment,
  'extensions/ReplicaSet': AppsV1ReplicaSet,
}

/** The kind behind a reference: a built-in one by its group whatever the version, any other by discovery. */
export async function resolveKind(client: Client, { apiVersion = 'v1', kind }: AutoscalingV2CrossVersionObjectReference): Promise<Kind> {
  const slash = apiVersion.indexOf('/')
  const group = slash < 0 ? '' : apiVersion.slice(0, slash)
  const known = builtIn[`${group}/${kind}`]
  if (known !== undefined) return known
  const path = group === '' ? `/api/${apiVersion}` : `/apis/${apiVersion}`
  const { resources } = await client.raw<{
    readonly resources: readonly { readonly name: string; readonly kind: string; readonly namespaced: boolean }[]
  }>(path)
  const found = resources.find((resource) => resource.kind === kind && !resource.name.includes('/'))
  if (found === undefined) throw new Error(`no matches for kind "${kind}" in group "${group}"`)
  return { group, version: apiVersion.slice(slash + 1), kind, plural: found.name, isNamespaced: found.namespaced }
}

/** Something that can be scaled, as its scale subresource shows it. */
export interface ScaleTarget {
  readonly kind: Kind
  readonly scale: AutoscalingV1Scale
}

/** Reads the target of a reference in a namespace. */
export async function readTarget(
  client: Client,
  namespace: string,
  reference: AutoscalingV2CrossVersionObjectReference,
): Promise<ScaleTarget> {
  const kind = await resolveKind(client, reference)
  return { kind, scale: await client.getSubresource<AutoscalingV1Scale>(kind, { namespace, name: reference.name }, 'scale') }
}

/** Writes the size; when the target was changed meanwhile, on top of that change. */
export async function writeScale(client: Client, { kind, scale }: ScaleTarget, replicas: number): Promise<void> {
  const { namespace, name } = scale.metadata
  const key = { namespace, name: name! }
  let current = scale
  for (let attempt = 1; ; attempt++) {
    try {
      await client.putSubresource(kind, key, 'scale', { ...current, spec: { ...current.spec, replicas } })
      return
    } catch (error) {
      if (!isConflict(error) || attempt >= scaleAttempts) throw error
      current = await client.getSubresource(kind, key, 'scale')
    }
  }
}
