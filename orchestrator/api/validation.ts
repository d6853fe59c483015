import type { KindDeclaration } from './kind-declaration.ts'
import type { KubeObject } from './object.ts'
import type { StatusCause } from './status-error.ts'

/**
 * Everything wrong with an object that is about to be created: metadata, quantities, selectors, required fields, the kind's own rules.
 * Defaults must have been applied. Hand the causes to `invalid` when there are any.
 */
export function validateObject<T extends KubeObject>(_declaration: KindDeclaration<T>, _object: T): readonly StatusCause[] {
  return []
}

/** Everything wrong with a change: what `validateObject` finds, and fields that must not change. */
export function validateUpdate<T extends KubeObject>(declaration: KindDeclaration<T>, object: T, _previous: T): readonly StatusCause[] {
  return validateObject(declaration, object)
}
