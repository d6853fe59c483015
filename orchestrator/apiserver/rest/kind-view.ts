import type { KindDeclaration } from '../../api/kind-declaration.ts'
import { findKindByName } from '../../api/kinds.ts'
import type { KubeObject } from '../../api/object.ts'
import type { Entry } from '../../store/store.ts'

/** An object of the served kind, with its JSON. */
export interface Presented {
  readonly object: KubeObject
  readonly bytes: Buffer
}

/** One kind as a client sees it, over the kind that it is stored as. */
export interface KindView {
  readonly declaration: KindDeclaration
  /** The declaration of the kind that is stored; the same one for most. */
  readonly stored: KindDeclaration
  keyOf(namespace: string | undefined, name: string): string
  /** The prefix of a namespace's objects, or of all for ''. */
  prefixOf(namespace: string): string
  /** Converts nothing for kinds that are stored as themselves. */
  present(entry: Entry): Presented
  toStored(object: KubeObject): KubeObject
}

const views = new WeakMap<KindDeclaration, KindView>()

/** The view of a kind; one per declaration. */
export function viewOf(declaration: KindDeclaration): KindView {
  let view = views.get(declaration)
  if (view === undefined) {
    view = declaration.storage === undefined ? plainView(declaration) : convertedView(declaration, declaration.storage)
    views.set(declaration, view)
  }
  return view
}

function keysOf({ kind: { group, plural, isNamespaced } }: KindDeclaration): Pick<KindView, 'keyOf' | 'prefixOf'> {
  const root = `${group === '' ? 'core' : group}/${plural}/`
  return {
    keyOf: (namespace, name) => (isNamespaced ? `${root}${namespace}/${name}` : `${root}${name}`),
    prefixOf: (namespace) => (namespace === '' || !isNamespaced ? root : `${root}${namespace}/`),
  }
}

function plainView(declaration: KindDeclaration): KindView {
  return {
    ...keysOf(declaration),
    declaration,
    stored: declaration,
    present: (entry) => entry as Entry & { readonly object: KubeObject },
    toStored: (object) => object,
  }
}

function convertedView(declaration: KindDeclaration, storage: NonNullable<KindDeclaration['storage']>): KindView {
  const { group, version, kind } = storage.kind
  const stored = findKindByName(group, version, kind) ?? declaration
  const converted = new WeakMap<Entry, Presented>()
  return {
    ...keysOf(stored),
    declaration,
    stored,
    present(entry) {
      let presented = converted.get(entry)
      if (presented === undefined) {
        const object = storage.fromStorage(entry.object as KubeObject)
        presented = { object, bytes: Buffer.from(JSON.stringify(object)) }
        converted.set(entry, presented)
      }
      return presented
    },
    toStored: (object) => storage.toStorage(object),
  }
}
