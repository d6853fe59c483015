import { isDeepStrictEqual } from 'node:util'
import { toTimestamp } from '../../lib/clock.ts'
import {
  differenceOf,
  emptySet,
  equalSets,
  formatFieldSet,
  intersectionOf,
  isEmptySet,
  parseFieldSet,
  pathsOf,
  unionOf,
  type FieldSet,
} from './field-set.ts'
import type { MetaV1ManagedFieldsEntry } from './generated/kinds.ts'
import type { KubeObject } from './object.ts'
import { applyConflict, badRequest, type StatusCause } from './status-error.ts'
import { changedFields, fieldSetOf, mergeTyped, removeFields, structureOf } from './typed-value.ts'

/** How an applied configuration is merged. */
export interface ApplyOptions {
  readonly manager: string
  /** Takes fields from other managers instead of refusing. */
  readonly force: boolean
  readonly definition: string
  readonly now: number
  /** Set for `/status` and the like. */
  readonly subresource?: string
}

/** Whoever wrote an object before the first apply, as upstream names it. */
const beforeFirstApply = 'before-first-apply'
/** Fields that belong to the server or name the object. */
const unmanaged = parseFieldSet({
  'f:apiVersion': {},
  'f:kind': {},
  'f:metadata': Object.fromEntries(
    [
      'name',
      'namespace',
      'uid',
      'resourceVersion',
      'generation',
      'creationTimestamp',
      'deletionTimestamp',
      'selfLink',
      'managedFields',
      'deletionGracePeriodSeconds',
    ].map((field) => [`f:${field}`, {}]),
  ),
})

interface Manager {
  readonly entry: MetaV1ManagedFieldsEntry
  readonly set: FieldSet
}

/** The managed fields of a value. Everything below `managedFields` and the like goes with it, being out of the schema's reach. */
function managedSet(object: KubeObject, definition: string): FieldSet {
  return withoutUnmanaged(fieldSetOf(object, structureOf(definition)))
}

function withoutUnmanaged(set: FieldSet): FieldSet {
  const metadata = set.children.get('f:metadata')
  const children = new Map(set.children)
  for (const key of unmanaged.children.keys()) if (key !== 'f:metadata') children.delete(key)
  if (metadata !== undefined) {
    const kept = new Map(metadata.children)
    for (const key of unmanaged.children.get('f:metadata')!.children.keys()) kept.delete(key)
    if (kept.size === 0) children.delete('f:metadata')
    else children.set('f:metadata', { isMember: false, children: kept })
  }
  return { isMember: false, children }
}

function managersOf(object: KubeObject): Manager[] {
  return (object.metadata.managedFields ?? []).map((entry) => ({ entry, set: parseFieldSet(entry.fieldsV1 ?? {}) }))
}

const isApply = ({ entry }: Manager, { manager, subresource }: Pick<ApplyOptions, 'manager' | 'subresource'>) =>
  entry.operation === 'Apply' && entry.manager === manager && (entry.subresource ?? '') === (subresource ?? '')

function newEntry(apiVersion: string, operation: 'Apply' | 'Update', options: Omit<TrackOptions, 'definition'>): MetaV1ManagedFieldsEntry {
  const { manager, now, subresource } = options
  return {
    manager,
    operation,
    apiVersion,
    time: toTimestamp(now),
    fieldsType: 'FieldsV1',
    ...(subresource === undefined ? {} : { subresource }),
  }
}

/**
 * Server-side apply: the live object (absent: to be created) with the applied fields, without fields that this manager no longer applies
 * and nobody else owns, and with managedFields kept. Answers `live` itself when nothing changes. Throws the 409 with `FieldManagerConflict` causes where
 * another manager owns a field with another value and `force` is off, and a BadRequest for a body with managedFields.
 */
export function applyServerSide(live: KubeObject | undefined, applied: KubeObject, options: ApplyOptions): KubeObject {
  if ((applied.metadata.managedFields ?? []).length > 0) throw badRequest('metadata.managedFields must be nil')
  const { definition } = options
  const structure = structureOf(definition)
  const appliedSet = managedSet(applied, definition)
  if (live === undefined) return withManagers(applied, [{ entry: newEntry(applied.apiVersion, 'Apply', options), set: appliedSet }])
  const managers = firstManagers(live, options)
  const own = managers.find((manager) => isApply(manager, options))
  const others = managers.filter((manager) => manager !== own)
  const merged = mergeTyped(live, withoutIdentity(applied), structure) as KubeObject
  const changed = withoutUnmanaged(changedFields(live, merged, structure))
  if (!options.force) refuseConflicts(others, changed)
  const remaining = others.map(({ entry, set }) => ({ entry, set: differenceOf(set, changed) })).filter(({ set }) => !isEmptySet(set))
  const dropped = differenceOf(own?.set ?? emptySet, appliedSet)
  const kept = remaining.reduce((union, { set }) => unionOf(union, set), appliedSet)
  const pruned = removeFields(merged, differenceOf(dropped, kept), kept, structure) as KubeObject
  const isUntouched =
    own !== undefined && equalSets(own.set, appliedSet) && isDeepStrictEqual(pruned, live) && remaining.length === others.length
  if (isUntouched) return live
  return withManagers(pruned, [...remaining, { entry: newEntry(applied.apiVersion, 'Apply', options), set: appliedSet }])
}

/** Names and versions come from the live object; an applied body merely addresses it. */
function withoutIdentity(applied: KubeObject): KubeObject {
  const {
    name: _,
    namespace: __,
    uid: ___,
    resourceVersion: ____,
    creationTimestamp: _____,
    generation: ______,
    ...metadata
  } = applied.metadata
  return { ...applied, metadata }
}

function firstManagers(live: KubeObject, options: ApplyOptions): Manager[] {
  const managers = managersOf(live)
  if (managers.length > 0) return managers
  return [
    { entry: newEntry(live.apiVersion, 'Update', { ...options, manager: beforeFirstApply }), set: managedSet(live, options.definition) },
  ]
}

function withManagers(object: KubeObject, managers: readonly Manager[]): KubeObject {
  const managedFields = managers.map(({ entry, set }) => ({ ...entry, fieldsV1: formatFieldSet(set) }))
  return { ...object, metadata: { ...object.metadata, managedFields } }
}

function refuseConflicts(others: readonly Manager[], changed: FieldSet): void {
  const conflicts = others.flatMap(({ entry, set }) => {
    const paths = pathsOf(intersectionOf(set, changed))
    return paths.length === 0
      ? []
      : [
          {
            title: `"${entry.manager}"${entry.subresource ? ` with subresource "${entry.subresource}"` : ''} using ${entry.apiVersion}`,
            paths,
          },
        ]
  })
  if (conflicts.length === 0) return
  const causes: StatusCause[] = conflicts.flatMap(({ title, paths }) =>
    paths.map((field) => ({ reason: 'FieldManagerConflict', message: `conflict with ${title}`, field })),
  )
  const texts = conflicts.map(({ title, paths }) =>
    paths.length === 1 ? `conflict with ${title}: ${paths[0]}` : `conflicts with ${title}:\n${paths.map((path) => `- ${path}`).join('\n')}`,
  )
  throw applyConflict(`Apply failed with ${causes.length} conflict${causes.length === 1 ? '' : 's'}: ${texts.join('\n')}`, causes)
}

/** How a plain write is recorded. */
export interface TrackOptions {
  readonly manager: string
  readonly definition: string
  readonly now: number
  readonly subresource?: string
}

/**
 * Records in `object.metadata.managedFields` which fields a create, update or patch changed, and takes them from their former owners. Only
 * for objects that somebody has applied: nobody asks for the owners of the others, and they would cost every write. Writes on
 * `/status` keep the owners as they are. Changes `object`.
 */
export function trackUpdate(object: KubeObject, previous: KubeObject | undefined, options: TrackOptions): void {
  if (previous === undefined || (previous.metadata.managedFields ?? []).length === 0) {
    delete object.metadata.managedFields
    return
  }
  if (options.subresource === 'status') {
    object.metadata.managedFields = previous.metadata.managedFields!
    return
  }
  const structure = structureOf(options.definition)
  const changed = withoutUnmanaged(changedFields(previous, object, structure))
  const removed = withoutUnmanaged(differenceOf(fieldSetOf(previous, structure), fieldSetOf(object, structure)))
  const lost = unionOf(changed, removed)
  const managers = managersOf(previous)
  if (isEmptySet(lost)) {
    object.metadata.managedFields = previous.metadata.managedFields!
    return
  }
  const isOwn = ({ entry }: Manager) =>
    entry.operation === 'Update' && entry.manager === options.manager && (entry.subresource ?? '') === (options.subresource ?? '')
  const own = managers.find(isOwn)
  const others = managers
    .filter((manager) => manager !== own)
    .map(({ entry, set }) => ({ entry, set: differenceOf(set, lost) }))
    .filter(({ set }) => !isEmptySet(set))
  const ownSet = unionOf(differenceOf(own?.set ?? emptySet, removed), changed)
  const updated = [...others, ...(isEmptySet(ownSet) ? [] : [{ entry: newEntry(object.apiVersion, 'Update', options), set: ownSet }])]
  object.metadata.managedFields = withManagers(object, updated).metadata.managedFields!
}
