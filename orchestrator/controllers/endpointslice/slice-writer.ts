import { isDeepStrictEqual } from 'node:util'
import { DiscoveryV1EndpointSlice } from '../../api/generated/kinds.ts'
import { keyOf } from '../../api/object.ts'
import type { Kind, KubeObject } from '../../api/object.ts'
import type { Client } from '../../client/client.ts'
import type { Informer, InformerFactory } from '../../client/informer.ts'
import { controllerReference } from '../adoption.ts'
import { controllerOf } from '../pod-state.ts'
import { ignoreGone, isNamespaceTerminating } from '../refusal.ts'
import { planSlices } from './endpointslice.plan.ts'
import type { SliceContent } from './endpointslice.plan.ts'

const managedByLabel = 'endpointslice.kubernetes.io/managed-by'

/** Labels and annotations that every slice of an owner has; annotations are left alone where none are given. */
interface SliceMarks {
  readonly labels: Record<string, string>
  readonly annotations?: Record<string, string>
}

export interface WantedSlices<T extends KubeObject> extends SliceMarks {
  readonly owner: T
  readonly contents: readonly SliceContent[]
}

/** Keeps the slices of owners of one kind. */
export interface SliceWriter<T extends KubeObject> {
  /** The owner's slices that this writer made. */
  existing(owner: T): readonly DiscoveryV1EndpointSlice[]
  /** Makes, changes and removes slices until they hold just what is wanted. */
  write(wanted: WantedSlices<T>, client: Client): Promise<void>
}

export interface SliceWriterOptions<T extends KubeObject> {
  readonly informers: InformerFactory
  readonly ownerKind: Kind<T>
  /** Marks the slices of this writer, so that no two of them touch the same. */
  readonly managedBy: string
}

export function createSliceWriter<T extends KubeObject>({ informers, ownerKind, managedBy }: SliceWriterOptions<T>): SliceWriter<T> {
  const indexes = { controller: (slice: DiscoveryV1EndpointSlice) => [controllerOf(slice)?.uid ?? ''] }
  const slices: Informer<DiscoveryV1EndpointSlice> = informers.informer(DiscoveryV1EndpointSlice, { indexes })
  const existing = (owner: T) =>
    [...slices.byIndex('controller', owner.metadata.uid!)]
      .filter(({ metadata }) => metadata.labels?.[managedByLabel] === managedBy)
      .sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))
  return {
    existing,
    async write({ owner, contents, ...wanted }, client) {
      const marks = { ...wanted, labels: { ...wanted.labels, [managedByLabel]: managedBy } }
      const present = existing(owner)
      const plan = planSlices(contents, present)
      const isDone = new Set([...plan.update.map(({ slice }) => slice), ...plan.remove])
      const remark = present.filter((slice) => !isDone.has(slice) && !isMarked(slice, marks))

      for (const content of plan.create) await createSlice(ownerKind, owner, { ...content, ...marks }, client)
      for (const { slice, content } of plan.update) await updateSlice(slice, { ...content, ...marks }, client)
      for (const slice of remark) await updateSlice(slice, { ...slice, ports: slice.ports ?? [], ...marks }, client)
      for (const slice of plan.remove) await removeSlice(slice, client)
    },
  }
}

const isMarked = ({ metadata }: DiscoveryV1EndpointSlice, { labels, annotations }: SliceMarks) =>
  isDeepStrictEqual(metadata.labels, labels) && (annotations === undefined || isDeepStrictEqual(metadata.annotations ?? {}, annotations))

async function createSlice<T extends KubeObject>(kind: Kind<T>, owner: T, slice: SliceContent & SliceMarks, client: Client): Promise<void> {
  const { name, namespace } = owner.metadata
  const metadata = { generateName: `${name}-`, namespace, ownerReferences: [controllerReference(kind, owner)] }
  await client.create(DiscoveryV1EndpointSlice, build(metadata, slice)).catch((error: unknown) => {
    if (!isNamespaceTerminating(error)) throw error
  })
}

async function updateSlice({ metadata }: DiscoveryV1EndpointSlice, next: SliceContent & SliceMarks, client: Client): Promise<void> {
  await client.update(DiscoveryV1EndpointSlice, build(metadata, next))
}

async function removeSlice({ metadata: { namespace, name } }: DiscoveryV1EndpointSlice, client: Client): Promise<void> {
  await ignoreGone(client.delete(DiscoveryV1EndpointSlice, { namespace, name: name! }))
}

const build = (
  metadata: DiscoveryV1EndpointSlice['metadata'],
  { labels, annotations, addressType, endpoints, ports }: SliceContent & SliceMarks,
): DiscoveryV1EndpointSlice => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { ...metadata, labels, ...(annotations === undefined ? {} : { annotations }) },
  addressType,
  endpoints: [...endpoints],
  ports: [...ports],
})
