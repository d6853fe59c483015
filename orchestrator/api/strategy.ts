import { isDeepStrictEqual } from 'node:util'
import type { KindDeclaration } from './kind-declaration.ts'
import type { KubeObject } from './object.ts'

interface Draft {
  metadata: Record<string, unknown>
  spec?: unknown
  status?: unknown
}

const draftOf = (object: KubeObject) => object as unknown as Draft
const hasStatus = (declaration: KindDeclaration) => declaration.subresources.includes('status')

/**
 * Resets what a creator may not set: the status of kinds with a status subresource; a kind that counts generations starts at 1.
 * `metadata.uid` must be set, since some kinds derive labels from it. Changes `object`.
 */
export function prepareForCreate<T extends KubeObject>(declaration: KindDeclaration<T>, object: T): void {
  const draft = draftOf(object)
  if (hasStatus(declaration) && declaration.acceptsStatusOnCreate !== true) draft.status = {}
  delete draft.metadata['generation']
  if (declaration.countsGenerations) draft.metadata['generation'] = 1
  declaration.prepareForCreate?.(object)
}

/** Keeps the stored status, and counts the generation up when the spec changes. Changes `object`; `previous` is only read. */
export function prepareForUpdate<T extends KubeObject>(declaration: KindDeclaration<T>, object: T, previous: T): void {
  const draft = draftOf(object)
  const before = draftOf(previous)
  if (hasStatus(declaration)) {
    if (before.status === undefined) delete draft.status
    else draft.status = before.status
  }
  declaration.prepareForUpdate?.(object, previous)
  const generation = before.metadata['generation'] as number | undefined
  if (generation === undefined) delete draft.metadata['generation']
  else draft.metadata['generation'] = isDeepStrictEqual(draft.spec, before.spec) ? generation : generation + 1
}

/**
 * A write on `/status`: takes the status and the metadata that may go with it, keeps all else as stored. Changes `object`.
 * Labels, annotations and finalizers travel with metadata as upstream allows; deletion marks and generation do not.
 */
export function prepareForStatusUpdate<T extends KubeObject>(declaration: KindDeclaration<T>, object: T, previous: T): void {
  const draft = object as unknown as Record<string, unknown>
  const before = previous as unknown as Record<string, unknown>
  for (const name of new Set([...Object.keys(draft), ...Object.keys(before)])) {
    if (name === 'status' || name === 'metadata' || name === 'apiVersion' || name === 'kind') continue
    if (before[name] === undefined) delete draft[name]
    else draft[name] = before[name]
  }
  const generation = previous.metadata.generation
  if (generation === undefined) delete object.metadata.generation
  else object.metadata.generation = generation
  declaration.prepareForStatusUpdate?.(object, previous)
}
