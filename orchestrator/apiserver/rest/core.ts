import type { Clock } from '../../../lib/clock.ts'
import type { Log } from '../../../lib/log.ts'
import type { Random } from '../../../lib/random.ts'
import type { KindDeclaration } from '../../api/kind-declaration.ts'
import { conflict, internalError, tooManyRequests, unavailable } from '../../api/status-error.ts'
import { isStoreError, type Store } from '../../store/store.ts'
import type { AdmissionPlugin } from '../admission/admission.ts'
import type { KindView } from './kind-view.ts'

/** What every operation on resources works with. */
export interface Core {
  readonly store: Store
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly admission: readonly AdmissionPlugin[]
}

/** One object that a request is about. `namespace` is '' for cluster-scoped kinds. */
export interface Target {
  readonly view: KindView
  readonly namespace: string
  readonly name: string
  /** The retired kind that the URL names, where the request is one on the kind it lives on as. */
  readonly retired?: KindDeclaration
}

/** Upstream's words for a write that lost against another one. */
export const staleObject = 'the object has been modified; please apply your changes to the latest version and try again'

/** The 409 for a stale write on a target. */
export function staleConflict({ view, name }: Target) {
  return conflict(view.declaration.kind, name, staleObject)
}

/** What a client is told when the store fails; anything else passes through. */
export function translateStoreError(error: unknown): unknown {
  if (!isStoreError(error)) return error
  switch (error.code) {
    case 'busy':
      return tooManyRequests('too many writes are waiting for the disk, please try again later', 1)
    case 'stopped':
      return unavailable('the server is shutting down')
    case 'full':
    case 'broken':
      return internalError(error)
    default:
      return error
  }
}
