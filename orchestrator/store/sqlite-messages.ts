import type { StoreErrorCode } from './store.ts'

/** What the main thread asks of the writer thread; one request at a time. */
export type WriterRequest =
  | { readonly type: 'commit'; readonly batch: PackedWrites }
  | { readonly type: 'scrub' }
  | { readonly type: 'close' }

/** What the writer thread answers, in the order of the requests. After `rows` of all there is, `opened` follows. */
export type WriterAnswer =
  | { readonly type: 'rows'; readonly rows: PackedWrites }
  | { readonly type: 'opened'; readonly revision: number }
  | { readonly type: 'done' }
  | { readonly type: 'failed'; readonly code: StoreErrorCode; readonly message: string }

/** Writes as they cross threads: the bytes of all in one block, which is handed over rather than copied. Length -1 is a removal. */
export interface PackedWrites {
  readonly keys: readonly string[]
  readonly revisions: readonly number[]
  readonly createRevisions: readonly number[]
  readonly lengths: readonly number[]
  readonly bytes: Uint8Array<ArrayBuffer>
}

/** What the writer thread is started with. */
export interface WriterOptions {
  readonly file: string
  /** The file never grows beyond this; writes are then refused as `full`. */
  readonly maxBytes: number
}
