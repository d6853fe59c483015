import { applyDefaults } from '../../api/defaulting.ts'
import type { KubeObject } from '../../api/object.ts'
import { alreadyExists, badRequest, invalid } from '../../api/status-error.ts'
import { prepareForCreate } from '../../api/strategy.ts'
import { validateObject } from '../../api/validation.ts'
import { isStoreError } from '../../store/store.ts'
import { admitAll, type Attributes, undoAll } from '../admission/admission.ts'
import type { User } from '../auth/user.ts'
import type { RequestAudit } from '../request.ts'
import { type Core, type Target, translateStoreError } from './core.ts'
import type { Presented } from './kind-view.ts'
import { initializeMetadata, metadataOf, setNamespace } from './metadata.ts'

/** How a write is made, for every operation. */
export interface WriteContext {
  readonly user: User
  readonly isDryRun: boolean
  readonly warnings: string[]
  /** Absent where nothing of the request is written down. */
  readonly audit?: RequestAudit
  /** Records field ownership in the object that is about to be stored; absent where nobody is to be recorded. */
  readonly track?: (object: KubeObject, previous: KubeObject | undefined) => void
  /** The object brings its record of field ownership along. */
  readonly keepsManagedFields?: boolean
}

/** How often a generated name that is taken already is replaced by another. */
const maxGeneratedNames = 8

/** Stores `object` (the caller's own copy) as a new one. `target.name` is '' unless the URL names it (create on update). */
export async function createObject(core: Core, target: Target, object: KubeObject, context: WriteContext): Promise<Presented> {
  const meta = metadataOf(object)
  if (target.name !== '' && meta.name && meta.name !== target.name)
    throw badRequest(`the name of the object (${meta.name}) does not match the name on the URL (${target.name})`)
  setNamespace(target, object)
  const isGenerated = !meta.name && Boolean(meta.generateName)
  for (let attempt = 1; ; attempt++) {
    if (isGenerated) delete meta.name
    try {
      return await createOnce(core, target, object, context)
    } catch (error) {
      if (!(isGenerated && isStoreError(error, 'conflict') && attempt < maxGeneratedNames)) throw explain(target, object, error)
      delete meta.resourceVersion
    }
  }
}

async function createOnce(core: Core, target: Target, object: KubeObject, context: WriteContext): Promise<Presented> {
  const { view } = target
  const { declaration } = view
  initializeMetadata(core, target, object, context.keepsManagedFields)
  applyDefaults(declaration, object)
  const attributes: Attributes = {
    operation: 'CREATE',
    declaration,
    namespace: target.namespace,
    name: object.metadata.name!,
    subresource: '',
    object,
    ...context,
    undo: [],
  }
  try {
    await admitAll(core.admission, attributes)
    prepareForCreate(declaration, object)
    applyDefaults(declaration, object)
    const causes = validateObject(declaration, object)
    if (causes.length > 0) throw invalid(declaration.kind, object.metadata.name!, causes)
    context.track?.(object, undefined)
    if (!context.isDryRun)
      return view.present(await core.store.put(view.keyOf(target.namespace, object.metadata.name!), view.toStored(object), 0))
  } catch (error) {
    undoAll(attributes)
    throw error
  }
  undoAll(attributes)
  if (core.store.get(view.keyOf(target.namespace, object.metadata.name!)) !== undefined)
    throw alreadyExists(declaration.kind, object.metadata.name!)
  return { object, bytes: Buffer.from(JSON.stringify(object)) }
}

function explain({ view }: Target, object: KubeObject, error: unknown): unknown {
  return isStoreError(error, 'conflict') ? alreadyExists(view.declaration.kind, object.metadata.name ?? '') : translateStoreError(error)
}
