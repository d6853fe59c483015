/** What the interface tables say of one served resource; rows are in `generated/resources.ts`. */
export interface ResourceRow {
  readonly group: string
  readonly version: string
  readonly kind: string
  readonly plural: string
  readonly isNamespaced: boolean
  /** The key of the type tables. */
  readonly definition: string
  /** Of `spec` and `status`, those the kind has. */
  readonly alwaysWritten: readonly string[]
  /** Sorted. */
  readonly verbs: readonly string[]
  readonly subresources: readonly SubresourceRow[]
}

/** One subresource; group, version and kind are those of the body it speaks. */
export interface SubresourceRow {
  readonly name: string
  readonly group: string
  readonly version: string
  readonly kind: string
  readonly verbs: readonly string[]
}
