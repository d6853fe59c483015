import type { AutoscalingV1Scale } from './generated/kinds.ts'
import type { Kind, KubeObject } from './object.ts'
import type { StatusCause } from './status-error.ts'

/** One column of a kind's table, as in `meta.k8s.io/v1` Table. `priority` above 0 shows only in wide output. */
export interface Column {
  readonly name: string
  readonly type: 'string' | 'integer' | 'date' | 'number' | 'boolean'
  readonly format?: string
  readonly description?: string
  readonly priority?: number
}

/** One value of a table row. */
export type Cell = string | number | boolean

/** How a kind's `metadata.name` must look; `path` only forbids what would break a URL (`/`, `%`, `.`, `..`). */
export type NameRule = 'subdomain' | 'label' | 'label1035' | 'path'

/** Reads and writes the replicas of a scalable object. */
export interface ScaleDeclaration<T extends KubeObject> {
  read(object: T): AutoscalingV1Scale
  /** A copy of the object with other replicas. */
  write(object: T, replicas: number): T
}

/** How a kind that is another kind's view is kept: once, as the storage kind. Both directions may share unchanged parts. */
export interface StorageDeclaration<T extends KubeObject> {
  readonly kind: Kind
  toStorage(object: T): KubeObject
  fromStorage(object: KubeObject): T
}

/** A retired kind that lives on as another name of a served one: bodies are converted first, then the request is one on `kind`. */
export interface AliasDeclaration {
  readonly kind: Kind
  /** Takes a decoded body as it came (schema not checked yet) and gives one of `kind`. Never throws on odd shapes. */
  convert(body: KubeObject): KubeObject
}

/** Reads the value that a field selector compares; written as a method type so that declarations of narrower kinds fit a list of all. */
export type FieldReader<T> = { read(object: T): string }['read']

/**
 * All that the server knows of a kind: what the interface tables say (name, verbs, definition) and what they cannot (defaults, rules,
 * columns).
 * Functions named `set…` and `prepare…` change the private copy that they are given; all others leave their arguments alone.
 */
export interface KindDeclaration<T extends KubeObject = KubeObject> {
  readonly kind: Kind<T>
  /** The OpenAPI definition's name, the key of the type tables. */
  readonly definition: string
  readonly singular: string
  readonly shortNames: readonly string[]
  readonly categories: readonly string[]
  readonly verbs: readonly string[]
  /** `status`, `scale`, `log`, … */
  readonly subresources: readonly string[]
  readonly nameRule: NameRule
  /** The top-level objects that the server writes even when empty, as upstream's encoding does: `spec`, `status`. */
  readonly alwaysWritten: readonly string[]
  /** Whether `metadata.generation` counts the changes of the spec. */
  readonly countsGenerations: boolean
  readonly columns: readonly Column[]
  readonly cells: { read(object: T, now: number): readonly Cell[] }['read']
  /** Beside `metadata.name` and `metadata.namespace`, which every kind has and this includes. */
  readonly selectableFields: Readonly<Record<string, FieldReader<T>>>
  /** Absent: the kind is stored as itself. */
  readonly storage?: StorageDeclaration<T>
  readonly alias?: AliasDeclaration
  readonly scale?: ScaleDeclaration<T>
  /** Created and answered, never stored: access and token reviews. */
  readonly isReviewOnly?: boolean
  /** A PUT on a name that does not exist creates the object. */
  readonly createsOnUpdate?: boolean
  /** A creator may set the status, too. */
  readonly acceptsStatusOnCreate?: boolean
  setDefaults?(object: T): void
  /** What must be true of every version. What was wrong of the version before is let pass: it may have been stored under other rules. */
  validate?(object: T): readonly StatusCause[]
  /** What only a creator may not do. */
  validateCreate?(object: T): readonly StatusCause[]
  validateUpdate?(object: T, previous: T): readonly StatusCause[]
  validateStatusUpdate?(object: T, previous: T): readonly StatusCause[]
  prepareForCreate?(object: T): void
  prepareForUpdate?(object: T, previous: T): void
  prepareForStatusUpdate?(object: T, previous: T): void
}

/** What one hand-written file adds to the declaration that the tables give. */
export type KindPart<T extends KubeObject> = Pick<KindDeclaration<T>, 'kind'> &
  Partial<Omit<KindDeclaration<T>, 'definition' | 'verbs' | 'singular'>>
