import type { KindPart } from '../kind-declaration.ts'
import type { KubeObject } from '../object.ts'

/** Every hand-written part, one per kind. */
export const writtenParts: readonly KindPart<KubeObject>[] = []
