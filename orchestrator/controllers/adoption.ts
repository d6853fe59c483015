import { matchesLabels } from '../api/labels.ts'
import type { LabelSelector } from '../api/labels.ts'
import { apiVersionOf } from '../api/object.ts'
import type { Kind, KubeObject } from '../api/object.ts'
import { isInvalid, isNotFound } from '../api/status-error.ts'
import type { MetaV1OwnerReference } from '../api/generated/kinds.ts'
import type { Client } from '../client/client.ts'
import { controllerOf } from './pod-state.ts'

/** Which dependents an owner has, wants and gives up. */
export interface ClaimPlan<T> {
  readonly kept: readonly T[]
  readonly adopt: readonly T[]
  readonly release: readonly T[]
}

/**
 * Sorts dependents by what their controller reference and the owner's selector say: its own stay while the selector matches and are
 * released when it doesn't; uncontrolled ones that match and aren't being deleted are adopted; others' are left alone.
 */
export function planClaims<T extends KubeObject>(owner: KubeObject, selector: LabelSelector, dependents: Iterable<T>): ClaimPlan<T> {
  const plan = { kept: [] as T[], adopt: [] as T[], release: [] as T[] }
  const isLeaving = owner.metadata.deletionTimestamp !== undefined
  for (const dependent of dependents) {
    const controller = controllerOf(dependent)
    const isMatch = selector.length > 0 && matchesLabels(selector, dependent.metadata.labels)
    if (controller?.uid === owner.metadata.uid) {
      if (isMatch || isLeaving) plan.kept.push(dependent)
      else plan.release.push(dependent)
    } else if (controller === undefined && isMatch && !isLeaving && dependent.metadata.deletionTimestamp === undefined)
      plan.adopt.push(dependent)
  }
  return plan
}

/** The owner reference that makes `owner` an object's controller. */
export function controllerReference(kind: Kind, owner: KubeObject): MetaV1OwnerReference {
  return {
    apiVersion: apiVersionOf(kind),
    kind: kind.kind,
    name: owner.metadata.name!,
    uid: owner.metadata.uid!,
    controller: true,
    blockOwnerDeletion: true,
  }
}

export interface ClaimOptions<T extends KubeObject, O extends KubeObject> {
  readonly client: Client
  readonly kind: Kind<T>
  readonly owner: O
  readonly ownerKind: Kind<O>
  readonly plan: ClaimPlan<T>
}

/** Carries a claim plan out and answers what the owner has now. Adopts only for an owner that a fresh look still finds, undeleted. */
export async function claim<T extends KubeObject, O extends KubeObject>(options: ClaimOptions<T, O>): Promise<readonly T[]> {
  const { owner, plan } = options
  for (const dependent of plan.release) {
    const rest = (dependent.metadata.ownerReferences ?? []).filter(({ uid }) => uid !== owner.metadata.uid)
    await setOwners(options, dependent, rest)
  }
  if (plan.adopt.length === 0 || !(await isStillThere(options))) return plan.kept
  const adopted: T[] = []
  for (const dependent of plan.adopt) {
    const owners = [...(dependent.metadata.ownerReferences ?? []), controllerReference(options.ownerKind, owner)]
    const result = await setOwners(options, dependent, owners)
    if (result !== undefined) adopted.push(result)
  }
  return [...plan.kept, ...adopted]
}

async function isStillThere<T extends KubeObject, O extends KubeObject>({
  client,
  owner,
  ownerKind,
}: ClaimOptions<T, O>): Promise<boolean> {
  const fresh = await client.get(ownerKind, { namespace: owner.metadata.namespace, name: owner.metadata.name! })
  return fresh.metadata.uid === owner.metadata.uid && fresh.metadata.deletionTimestamp === undefined
}

/** Writes owner references on exactly the object that was looked at; `undefined` when it has gone meanwhile. */
async function setOwners<T extends KubeObject, O extends KubeObject>(
  { client, kind }: ClaimOptions<T, O>,
  { metadata }: T,
  ownerReferences: readonly MetaV1OwnerReference[],
): Promise<T | undefined> {
  const body = { metadata: { uid: metadata.uid, resourceVersion: metadata.resourceVersion, ownerReferences } }
  try {
    return await client.patch(kind, { namespace: metadata.namespace, name: metadata.name! }, { type: 'application/merge-patch+json', body })
  } catch (error) {
    if (isNotFound(error) || isInvalid(error)) return undefined
    throw error
  }
}
