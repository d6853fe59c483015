import type { KindDeclaration } from '../../api/kind-declaration.ts'
import type { KubeObject } from '../../api/object.ts'
import type { User } from '../auth/user.ts'
import type { RequestAudit } from '../request.ts'

/** A write that is about to happen. */
export interface Attributes {
  readonly operation: 'CREATE' | 'UPDATE' | 'DELETE'
  readonly declaration: KindDeclaration
  /** '' for cluster-scoped objects. */
  readonly namespace: string
  readonly name: string
  /** '' for the object itself. */
  readonly subresource: string
  /** The new object, to be changed in place; absent for DELETE. */
  readonly object?: KubeObject
  /** The stored one, read only; absent for CREATE. */
  readonly previous?: KubeObject
  readonly user: User
  readonly isDryRun: boolean
  /** Told to the client, each once. */
  readonly warnings: string[]
  /** Absent where nothing of the request is written down. */
  readonly audit?: RequestAudit
  /** Called, newest first, when the write does not happen after all (a dry run never does). */
  readonly undo: (() => void)[]
}

/**
 * One rule that writes pass after authorization: may change the object, may refuse by throwing a `StatusError`. Plugins run in the
 * order of the list in `plugins.ts`.
 */
export interface AdmissionPlugin {
  readonly name: string
  /** Called before defaults of what it adds and validation. */
  admit(attributes: Attributes): void | Promise<void>
}

/** Runs every plugin. Awaits only those that have something to wait for. */
export async function admitAll(plugins: readonly AdmissionPlugin[], attributes: Attributes): Promise<void> {
  for (const plugin of plugins) {
    const pending = plugin.admit(attributes)
    if (pending !== undefined) await pending
  }
}

/** Takes back what plugins reserved for a write that did not happen. */
export function undoAll({ undo }: Attributes): void {
  for (const action of undo.splice(0).reverse()) action()
}

/** `group/plural` of a kind, `core` standing for the empty group: what plugins tell kinds apart by. */
export function resourceOf({ kind: { group, plural } }: KindDeclaration): string {
  return group === '' ? plural : `${plural}.${group}`
}
