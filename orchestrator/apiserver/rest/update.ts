import { applyDefaults } from '../../api/defaulting.ts'
import type { KindDeclaration } from '../../api/kind-declaration.ts'
import { validateApproval } from '../../api/kinds/certificate-signing-request.ts'
import { validateEphemeralContainers } from '../../api/kinds/ephemeral-containers.ts'
import { validateResize } from '../../api/kinds/pod-resize.ts'
import type { KubeObject } from '../../api/object.ts'
import { invalid, notFound, type StatusCause } from '../../api/status-error.ts'
import { prepareForStatusUpdate, prepareForUpdate } from '../../api/strategy.ts'
import { validateChange, validateStatusUpdate, validateUpdate } from '../../api/validation.ts'
import { type Entry, isStoreError } from '../../store/store.ts'
import { admitAll, type Attributes, undoAll } from '../admission/admission.ts'
import { isSameJson } from './copy.ts'
import { type Core, staleConflict, type Target, translateStoreError } from './core.ts'
import type { WriteContext } from './create.ts'
import { isReadyToGo } from './finalizers.ts'
import type { Presented } from './kind-view.ts'
import { carryMetadata } from './metadata.ts'

/** How an update is made. */
export interface UpdateOptions extends WriteContext {
  /** '' for the object itself; names what may change. */
  readonly subresource: string
  /**
   * Makes the new version: the caller's own copy. Called again with what is there then when another write came first, unless the
   * new version names the resourceVersion it was made from.
   */
  readonly change: (current: KubeObject) => KubeObject | Promise<KubeObject>
}

/** How often a change is made again when other writers keep winning. */
const maxAttempts = 20

/** Replaces an object. Resolves with what is stored then, the unchanged version when the change changes nothing. */
export async function updateObject(core: Core, target: Target, options: UpdateOptions): Promise<Presented> {
  const key = target.view.keyOf(target.namespace, target.name)
  for (let attempt = 1; ; attempt++) {
    const entry = core.store.get(key)
    if (entry === undefined) throw notFound(target.view.declaration.kind, target.name)
    const current = target.view.present(entry)
    const object = await options.change(current.object)
    const isPinned =
      Boolean(object.metadata?.resourceVersion) && object.metadata.resourceVersion !== current.object.metadata.resourceVersion
    try {
      return await updateOnce(core, { target, options, entry, current, object })
    } catch (error) {
      if (!isStoreError(error, 'conflict')) throw translateStoreError(error)
      if (isPinned || attempt >= maxAttempts) throw staleConflict(target)
    }
  }
}

/** What an update may change, and by which rules the outcome is judged. */
interface Strategy {
  prepare(declaration: KindDeclaration, object: KubeObject, previous: KubeObject): void
  validate(declaration: KindDeclaration, object: KubeObject, previous: KubeObject): readonly StatusCause[]
}

const wholeObject: Strategy = { prepare: prepareForUpdate, validate: validateUpdate }
/** Writes to parts that an update of the whole object may not touch: immutability is not their rule, they have one of their own. */
const partWith = (validate: (object: KubeObject, previous: KubeObject) => readonly StatusCause[]): Strategy => ({
  prepare: prepareForUpdate,
  validate: (declaration, object, previous) => [...validateChange(declaration, object, previous), ...validate(object, previous)],
})
/** The handler itself decides all that changes. */
const asGiven: Strategy = { prepare: () => {}, validate: validateChange }

const strategies: Readonly<Record<string, Strategy>> = {
  status: { prepare: prepareForStatusUpdate, validate: validateStatusUpdate },
  ephemeralcontainers: partWith(validateEphemeralContainers),
  approval: {
    prepare: prepareForStatusUpdate,
    validate: (declaration, object, previous) => [...validateChange(declaration, object, previous), ...validateApproval(object, previous)],
  },
  resize: partWith(validateResize),
  binding: asGiven,
  finalize: asGiven,
}

interface Step {
  readonly target: Target
  readonly options: UpdateOptions
  readonly entry: Entry
  readonly current: Presented
  readonly object: KubeObject
}

async function updateOnce(core: Core, { target, options, entry, current, object }: Step): Promise<Presented> {
  const { view } = target
  const { declaration } = view
  carryMetadata(target, object, current.object)
  applyDefaults(declaration, object)
  const strategy = strategies[options.subresource] ?? wholeObject
  strategy.prepare(declaration, object, current.object)
  const attributes: Attributes = {
    operation: 'UPDATE',
    declaration,
    namespace: target.namespace,
    name: target.name,
    previous: current.object,
    object,
    subresource: options.subresource,
    user: options.user,
    isDryRun: options.isDryRun,
    warnings: options.warnings,
    ...(options.audit === undefined ? {} : { audit: options.audit }),
    undo: [],
  }
  try {
    await admitAll(core.admission, attributes)
    const causes = strategy.validate(declaration, object, current.object)
    if (causes.length > 0) throw invalid(declaration.kind, target.name, causes)
    options.track?.(object, current.object)
    if (isSameJson(object, current.object)) return settled(attributes, current)
    if (options.isDryRun) return settled(attributes, { object, bytes: Buffer.from(JSON.stringify(object)) })
    const { key, revision } = entry
    if (isReadyToGo(declaration, object)) return view.present(await core.store.delete(key, revision))
    return view.present(await core.store.put(key, view.toStored(object), revision))
  } catch (error) {
    undoAll(attributes)
    throw error
  }
}

function settled(attributes: Attributes, presented: Presented): Presented {
  undoAll(attributes)
  return presented
}
