import { toTimestamp } from '../../../lib/clock.ts'
import type { MetaV1ObjectMeta } from '../../api/generated/kinds.ts'
import type { KubeObject } from '../../api/object.ts'
import { badRequest, conflict, invalid } from '../../api/status-error.ts'
import type { Core, Target } from './core.ts'

/** The longest generated name is 63 characters: what exceeds the room before the suffix is cut. */
const maxGeneratedPrefix = 58
const suffixLength = 5

/** Makes sure that the object is one of the URL's namespace. Changes `object`. */
export function setNamespace({ view, namespace }: Pick<Target, 'view' | 'namespace'>, object: KubeObject): void {
  const meta = metadataOf(object)
  if (!view.declaration.kind.isNamespaced) {
    delete meta.namespace
    return
  }
  if (meta.namespace !== undefined && meta.namespace !== '' && meta.namespace !== namespace)
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request')
  meta.namespace = namespace
}

/** The object's metadata, made if it is missing. */
export function metadataOf(object: KubeObject): MetaV1ObjectMeta {
  const draft = object as { metadata: MetaV1ObjectMeta }
  draft.metadata ??= {}
  return draft.metadata
}

/** Gives a new object its name, UID and creation time; drops what only the server may set. Changes `object`. */
export function initializeMetadata(
  { clock, random }: Core,
  { view }: Pick<Target, 'view'>,
  object: KubeObject,
  keepsManagedFields = false,
): void {
  const meta = metadataOf(object)
  if (meta.resourceVersion !== undefined && meta.resourceVersion !== '')
    throw badRequest('resourceVersion should not be set on objects to be created')
  if (!meta.name) {
    if (!meta.generateName) {
      const cause = { reason: 'FieldValueRequired', message: 'Required value: name or generateName is required', field: 'metadata.name' }
      throw invalid(view.declaration.kind, '', [cause])
    }
    meta.name = `${meta.generateName.slice(0, maxGeneratedPrefix)}${random.suffix(suffixLength)}`
  }
  dropEmpty(meta)
  delete meta.selfLink
  delete meta.deletionTimestamp
  delete meta.deletionGracePeriodSeconds
  if (!keepsManagedFields) delete meta.managedFields
  delete meta.resourceVersion
  meta.uid = random.uuid()
  meta.creationTimestamp = toTimestamp(clock.now())
}

/**
 * Makes sure that a new version names the stored object, and carries over what only the server may set. Changes `object`.
 * Throws the 409 when the new version was made from another resourceVersion or UID.
 */
export function carryMetadata(target: Target, object: KubeObject, previous: KubeObject): void {
  const { name, view } = target
  const meta = metadataOf(object)
  const before = previous.metadata
  if (!meta.name) meta.name = name
  else if (meta.name !== name) throw badRequest(`the name of the object (${meta.name}) does not match the name on the URL (${name})`)
  setNamespace(target, object)
  if (meta.resourceVersion && meta.resourceVersion !== before.resourceVersion) throw staleVersion(target, meta.resourceVersion)
  if (meta.uid && meta.uid !== before.uid)
    throw conflict(view.declaration.kind, name, `Precondition failed: UID in precondition: ${meta.uid}, UID in object meta: ${before.uid}`)
  dropEmpty(meta)
  delete meta.selfLink
  if (before.managedFields !== undefined) meta.managedFields ??= before.managedFields
  for (const field of serverFields) {
    if (before[field] === undefined) delete meta[field]
    else (meta as Record<string, unknown>)[field] = before[field]
  }
}

/** Upstream's encoding leaves out what is empty. */
function dropEmpty(meta: MetaV1ObjectMeta): void {
  for (const field of ['labels', 'annotations', 'finalizers', 'ownerReferences', 'managedFields'] as const) {
    const value = meta[field]
    if (value !== undefined && Object.keys(value).length === 0) delete meta[field]
  }
}

const serverFields = [
  'uid',
  'resourceVersion',
  'creationTimestamp',
  'generation',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
] as const

function staleVersion({ view, name }: Target, given: string) {
  if (!/^\d+$/.test(given)) {
    const cause = {
      reason: 'FieldValueInvalid',
      message: `Invalid value: ${JSON.stringify(given)}: strconv.ParseUint: parsing ${JSON.stringify(given)}: invalid syntax`,
      field: 'metadata.resourceVersion',
    }
    return invalid(view.declaration.kind, name, [cause])
  }
  return conflict(
    view.declaration.kind,
    name,
    'the object has been modified; please apply your changes to the latest version and try again',
  )
}
