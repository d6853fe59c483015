import type { Column, KindDeclaration } from './kind-declaration.ts'
import type { KubeObject } from './object.ts'

/** How much of each object a table row carries. */
export type IncludeObject = 'None' | 'Metadata' | 'Object'

export interface TableOptions {
  readonly now: number
  readonly includeObject?: IncludeObject
  readonly resourceVersion?: string
  readonly continue?: string
  readonly remainingItemCount?: number
  /** False for watch frames after the first: upstream sends the columns once. */
  readonly withColumns?: boolean
}

/** `meta.k8s.io/v1` Table. */
export interface Table {
  readonly kind: 'Table'
  readonly apiVersion: 'meta.k8s.io/v1'
  readonly metadata: { readonly resourceVersion?: string; readonly continue?: string; readonly remainingItemCount?: number }
  readonly columnDefinitions: readonly Required<Column>[]
  readonly rows: readonly { readonly cells: readonly unknown[]; readonly object?: unknown }[]
}

/** The table that kubectl prints for a GET or LIST. */
export function toTable<T extends KubeObject>(declaration: KindDeclaration<T>, objects: readonly T[], options: TableOptions): Table {
  const { resourceVersion, remainingItemCount } = options
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata: {
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
      ...(options.continue === undefined ? {} : { continue: options.continue }),
      ...(remainingItemCount === undefined ? {} : { remainingItemCount }),
    },
    columnDefinitions:
      options.withColumns === false
        ? []
        : declaration.columns.map(({ name, type, format = '', description = '', priority = 0 }) => ({
            name,
            type,
            format,
            description,
            priority,
          })),
    rows: objects.map((object) => ({
      cells: declaration.cells(object, options.now),
      ...rowObject(object, options.includeObject ?? 'Metadata'),
    })),
  }
}

function rowObject(object: KubeObject, include: IncludeObject): { object?: unknown } {
  if (include === 'None') return {}
  return { object: include === 'Object' ? object : toPartialMetadata(object) }
}

/** `meta.k8s.io/v1` PartialObjectMetadata of an object. */
export function toPartialMetadata(object: KubeObject): KubeObject {
  return { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: object.metadata }
}
