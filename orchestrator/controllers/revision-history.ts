import { isDeepStrictEqual } from 'node:util'
import { AppsV1ControllerRevision } from '../api/generated/kinds.ts'
import type { AppsV1DaemonSet, AppsV1StatefulSet, CoreV1PodTemplateSpec } from '../api/generated/kinds.ts'
import type { LabelSelector } from '../api/labels.ts'
import type { Kind } from '../api/object.ts'
import { isAlreadyExists } from '../api/status-error.ts'
import type { Client } from '../client/client.ts'
import { claim, controllerReference, planClaims } from './adoption.ts'
import { ignoreGone, isNamespaceTerminating } from './refusal.ts'
import { hashTemplate } from './template-hash.ts'

/** The label of pods, and of a DaemonSet's revisions, that says which template they are of. */
export const revisionLabel = 'controller-revision-hash'

/** An owner of pods whose templates are kept as ControllerRevisions. */
type HistoryOwner = AppsV1StatefulSet | AppsV1DaemonSet

export interface HistoryOptions<T extends HistoryOwner> {
  readonly client: Client
  readonly ownerKind: Kind<T>
  readonly owner: T
  readonly selector: LabelSelector
  /** The label of revisions that carries the hash: `kubectl` finds them by the template's labels, people by this one. */
  readonly hashLabel: string
  /** Revisions of the namespace, in any order; those of others are left alone. */
  readonly candidates: Iterable<AppsV1ControllerRevision>
}

/** What an owner's history is after its template has been put into it. */
export interface History {
  /** The revision of the present template. */
  readonly update: AppsV1ControllerRevision
  /** All, oldest first, the present one last. */
  readonly revisions: readonly AppsV1ControllerRevision[]
  /** Grows when a name was taken by a revision of another template. */
  readonly collisionCount: number
}

/**
 * Puts the present template at the end of the owner's history: the last revision if it has it, an older one raised to the top (an undo), else a
 * new one; `undefined` where a new one is needed and the namespace, on its way out, takes nothing in. Revisions hold `{spec: {template: {…, $patch: replace}}}`, which `kubectl rollout undo` sends as a patch.
 */
export async function keepHistory<T extends HistoryOwner>(options: HistoryOptions<T>): Promise<History | undefined> {
  const { client, owner, selector, candidates } = options
  const plan = planClaims(owner, selector, candidates)
  const sorted = sortRevisions(await claim({ ...options, kind: AppsV1ControllerRevision, plan }))
  const data = dataOf(owner.spec.template)
  const collisionCount = owner.status?.collisionCount ?? 0
  const equal = sorted.findLast((revision) => isDeepStrictEqual(plain(revision.data), data))
  const last = sorted.at(-1)
  if (equal !== undefined && equal === last) return { update: equal, revisions: sorted, collisionCount }
  const number = (last?.revision ?? 0) + 1
  if (equal !== undefined) {
    const update = await client.update(AppsV1ControllerRevision, { ...equal, revision: number })
    return { update, revisions: [...sorted.filter((revision) => revision !== equal), update], collisionCount }
  }
  const made = await createRevision(options, data, number)
  return made === undefined ? undefined : { ...made, revisions: [...sorted, made.update] }
}

/** Revisions oldest first; equal numbers by age, then by name. */
function sortRevisions(revisions: readonly AppsV1ControllerRevision[]): AppsV1ControllerRevision[] {
  const age = ({ metadata }: AppsV1ControllerRevision) => `${metadata.creationTimestamp} ${metadata.name}`
  return [...revisions].sort((a, b) => a.revision - b.revision || (age(a) < age(b) ? -1 : 1))
}

async function createRevision<T extends HistoryOwner>(
  options: HistoryOptions<T>,
  data: Record<string, unknown>,
  number: number,
): Promise<Pick<History, 'update' | 'collisionCount'> | undefined> {
  const { client, ownerKind, owner, hashLabel } = options
  const { template } = owner.spec
  for (let collisionCount = owner.status?.collisionCount ?? 0; ; collisionCount++) {
    const hash = hashTemplate(template, collisionCount)
    const { name, namespace } = owner.metadata
    const revision: AppsV1ControllerRevision = {
      apiVersion: 'apps/v1',
      kind: 'ControllerRevision',
      metadata: {
        name: `${name}-${hash}`,
        namespace,
        labels: { ...template.metadata?.labels, [hashLabel]: hash },
        ownerReferences: [controllerReference(ownerKind, owner)],
      },
      data,
      revision: number,
    }
    try {
      return { update: await client.create(AppsV1ControllerRevision, revision), collisionCount }
    } catch (error) {
      if (isNamespaceTerminating(error)) return undefined
      if (!isAlreadyExists(error)) throw error
      const present = await client.get(AppsV1ControllerRevision, { namespace, name: `${name}-${hash}` })
      // Made by a run whose answer was lost.
      if (isDeepStrictEqual(plain(present.data), data)) return { update: present, collisionCount }
    }
  }
}

/** Revisions that go: the oldest that no pod is of, beyond `limit`. The last one, and those in `live`, stay. */
export function planHistoryCleanup({ revisions }: History, live: ReadonlySet<string>, limit: number): readonly AppsV1ControllerRevision[] {
  const idle = revisions.slice(0, -1).filter(({ metadata }) => !live.has(metadata.name!))
  return idle.slice(0, Math.max(0, idle.length - limit))
}

/** Removes revisions; those that have gone meanwhile are no trouble. */
export async function removeRevisions(client: Client, revisions: readonly AppsV1ControllerRevision[]): Promise<void> {
  for (const { metadata } of revisions) {
    await ignoreGone(client.delete(AppsV1ControllerRevision, { namespace: metadata.namespace, name: metadata.name! }))
  }
}

/** The template that a revision holds. */
export function templateOf({ data }: AppsV1ControllerRevision): CoreV1PodTemplateSpec {
  const { $patch: _, ...template } = (data as { spec: { template: CoreV1PodTemplateSpec & { $patch?: string } } }).spec.template
  return template
}

const dataOf = (template: CoreV1PodTemplateSpec) => plain({ spec: { template: { ...template, $patch: 'replace' } } })

/** As JSON has it: members that are undefined are absent. */
const plain = (value: unknown) => JSON.parse(JSON.stringify(value ?? null)) as Record<string, unknown>
