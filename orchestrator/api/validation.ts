import { isDeepStrictEqual } from 'node:util'
import { definitionOf, type Definition, type Shape } from './definition.ts'
import { duplicate, forbiddenField, immutableMessage, invalidValue, required, tooLong } from './field-errors.ts'
import type { MetaV1LabelSelector, MetaV1LabelSelectorRequirement, MetaV1ObjectMeta } from './generated/kinds.ts'
import type { KindDeclaration } from './kind-declaration.ts'
import { checkGenerateName, checkLabelValue, checkName, checkQualifiedName } from './names.ts'
import type { KubeObject } from './object.ts'
import type { StatusCause } from './status-error.ts'

/** All annotations of an object together. */
const maxAnnotationBytes = 256 * 1024

/**
 * Everything wrong with an object that is about to be created: metadata, required fields, the kind's own rules.
 * Defaults must have been applied and the name generated. Hand the causes to `invalid` when there are any.
 */
export function validateObject<T extends KubeObject>(declaration: KindDeclaration<T>, object: T): readonly StatusCause[] {
  if (declaration.isReviewOnly === true) return declaration.validate?.(object) ?? []
  return [
    ...validateMetadata(declaration, object.metadata),
    ...validateBody(declaration, object),
    ...(declaration.validateCreate?.(object) ?? []),
  ]
}

function validateBody<T extends KubeObject>(declaration: KindDeclaration<T>, object: T): readonly StatusCause[] {
  if (declaration.validate !== undefined) return declaration.validate(object)
  const causes: StatusCause[] = []
  const definition = definitionOf(declaration.definition)
  const fields = object as unknown as Fields
  for (const [name, shape] of definition.fields) {
    // Metadata has rules of its own; a status is written by controllers, which leave out zeros.
    if (name !== 'metadata' && name !== 'status' && fields[name] !== undefined) checkRequired(shape, fields[name], name, causes)
  }
  checkFields(definition, fields, '', causes)
  return causes
}

type Fields = Readonly<Record<string, unknown>>

const isObject = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value)

/** Required fields of kinds without rules of their own. Numbers and booleans have a zero that upstream fills in; lists may be empty. */
function checkFields(definition: Definition, object: Fields, path: string, causes: StatusCause[]): void {
  for (const name of definition.required) {
    const type = definition.fields.get(name)?.type
    const isZeroFilled =
      type === 'int32' ||
      type === 'int64' ||
      type === 'boolean' ||
      type === 'double' ||
      type === 'array' ||
      type === 'map' ||
      type === 'any'
    if (!isZeroFilled && (object[name] === undefined || object[name] === '')) causes.push(required(path === '' ? name : `${path}.${name}`))
  }
}

function checkRequired(shape: Shape, value: unknown, path: string, causes: StatusCause[]): void {
  if (shape.type === 'struct' && isObject(value)) {
    const { definition } = shape
    checkFields(definition, value, path, causes)
    for (const name in value) {
      const field = definition.fields.get(name)
      if (field !== undefined && name !== 'status') checkRequired(field, value[name], `${path}.${name}`, causes)
    }
  } else if (shape.type === 'array' && Array.isArray(value) && shape.items!.type === 'struct') {
    value.forEach((item, index) => checkRequired(shape.items!, item, `${path}[${index}]`, causes))
  } else if (shape.type === 'map' && isObject(value) && shape.values!.type === 'struct') {
    for (const key in value) checkRequired(shape.values!, value[key], `${path}[${key}]`, causes)
  }
}

/** Everything wrong with a change: what a change makes wrong, and fields that must not change. */
export function validateUpdate<T extends KubeObject>(declaration: KindDeclaration<T>, object: T, previous: T): readonly StatusCause[] {
  return [...validateChange(declaration, object, previous), ...(declaration.validateUpdate?.(object, previous) ?? [])]
}

/**
 * What a change makes wrong, whichever fields it is allowed to touch. What was wrong before is let pass: such an object was stored when other rules
 * held, and whoever owns it must still be able to change the rest of it, if only to take its finalizers off.
 */
export function validateChange<T extends KubeObject>(declaration: KindDeclaration<T>, object: T, previous: T): readonly StatusCause[] {
  const causes = validateBody(declaration, object)
  const before = new Set(causes.length === 0 ? [] : validateBody(declaration, previous).map(keyOfCause))
  return [
    ...validateMetadata(declaration, object.metadata),
    ...validateMetadataUpdate(object.metadata, previous.metadata),
    ...causes.filter((cause) => !before.has(keyOfCause(cause))),
  ]
}

const keyOfCause = ({ field, message }: StatusCause) => `${field}: ${message}`

/** What may be wrong with a write on `/status`: metadata, and what few kinds ask for; controllers are trusted with the rest. */
export function validateStatusUpdate<T extends KubeObject>(
  declaration: KindDeclaration<T>,
  object: T,
  previous: T,
): readonly StatusCause[] {
  return [
    ...validateMetadata(declaration, object.metadata),
    ...validateMetadataUpdate(object.metadata, previous.metadata),
    ...(declaration.validateStatusUpdate?.(object, previous) ?? []),
  ]
}

function validateMetadata({ nameRule, kind }: KindDeclaration, metadata: MetaV1ObjectMeta): StatusCause[] {
  const causes: StatusCause[] = []
  const { name = '', generateName = '', namespace = '', labels, annotations } = metadata
  if (generateName !== '')
    for (const message of checkGenerateName(nameRule, generateName))
      causes.push(invalidValue('metadata.generateName', generateName, message))
  if (name === '') causes.push(required('metadata.name', generateName === '' ? 'name or generateName is required' : ''))
  else for (const message of checkName(nameRule, name)) causes.push(invalidValue('metadata.name', name, message))
  if (kind.isNamespaced && namespace === '') causes.push(required('metadata.namespace'))
  if (!kind.isNamespaced && namespace !== '') causes.push(forbiddenField('metadata.namespace', 'not allowed on this type'))
  if (labels !== undefined) causes.push(...validateLabels(labels, 'metadata.labels'))
  if (annotations !== undefined) causes.push(...validateAnnotations(annotations, 'metadata.annotations'))
  if (metadata.ownerReferences !== undefined) causes.push(...validateOwners(metadata.ownerReferences))
  if (metadata.finalizers !== undefined) causes.push(...validateFinalizers(metadata.finalizers, 'metadata.finalizers'))
  return causes
}

/** Label keys and values. */
export function validateLabels(labels: Readonly<Record<string, string>>, field: string): StatusCause[] {
  const causes: StatusCause[] = []
  for (const key in labels) {
    for (const message of checkQualifiedName(key)) causes.push(invalidValue(field, key, message))
    for (const message of checkLabelValue(labels[key]!)) causes.push(invalidValue(field, labels[key], message))
  }
  return causes
}

/** Annotation keys, and their size in all. */
export function validateAnnotations(annotations: Readonly<Record<string, string>>, field: string): StatusCause[] {
  const causes: StatusCause[] = []
  let bytes = 0
  for (const key in annotations) {
    for (const message of checkQualifiedName(key.toLowerCase())) causes.push(invalidValue(field, key, message))
    bytes += Buffer.byteLength(key) + Buffer.byteLength(annotations[key]!)
  }
  if (bytes > maxAnnotationBytes) causes.push(tooLong(field, maxAnnotationBytes))
  return causes
}

function validateOwners(owners: NonNullable<MetaV1ObjectMeta['ownerReferences']>): StatusCause[] {
  const causes: StatusCause[] = []
  let controller: string | undefined
  // Upstream names the list, not the owner.
  const path = 'metadata.ownerReferences'
  owners.forEach((owner) => {
    if (!owner.apiVersion || owner.apiVersion.split('/').length > 2)
      causes.push(invalidValue(`${path}.apiVersion`, owner.apiVersion ?? '', 'version must not be empty'))
    if (!owner.kind) causes.push(invalidValue(`${path}.kind`, owner.kind ?? '', 'must not be empty'))
    if (!owner.name) causes.push(invalidValue(`${path}.name`, owner.name ?? '', 'must not be empty'))
    if (!owner.uid) causes.push(invalidValue(`${path}.uid`, owner.uid ?? '', 'must not be empty'))
    if (owner.controller !== true) return
    const name = `${owner.kind}/${owner.name}`
    if (controller === undefined) controller = name
    else
      causes.push(
        invalidValue(
          path,
          owners,
          `Only one reference can have Controller set to true. Found "true" in references for ${controller} and ${name}`,
        ),
      )
  })
  return causes
}

const standardFinalizers = new Set(['kubernetes', 'orphan', 'foregroundDeletion'])

/** Names of finalizers. Of a finalizer's form upstream names the list, of its domain the item: `itemField` is its path, by default `field[index]`. */
export function validateFinalizers(finalizers: readonly string[], field: string, itemField?: string): StatusCause[] {
  const form = finalizers.flatMap((finalizer) => checkQualifiedName(finalizer).map((message) => invalidValue(field, finalizer, message)))
  const domains = finalizers.flatMap((finalizer, index) =>
    finalizer.includes('/') || standardFinalizers.has(finalizer)
      ? []
      : [invalidValue(itemField ?? `${field}[${index}]`, finalizer, 'name is neither a standard finalizer name nor is it fully qualified')],
  )
  const both = ['orphan', 'foregroundDeletion']
  return both.every((finalizer) => finalizers.includes(finalizer))
    ? [...form, invalidValue(field, finalizers, `finalizer ${both.join(' and ')} cannot be both set`), ...domains]
    : [...form, ...domains]
}

function validateMetadataUpdate(metadata: MetaV1ObjectMeta, previous: MetaV1ObjectMeta): StatusCause[] {
  const causes: StatusCause[] = []
  for (const name of ['name', 'namespace', 'uid', 'creationTimestamp'] as const) {
    if (metadata[name] !== previous[name]) causes.push(immutable(`metadata.${name}`, metadata[name] ?? ''))
  }
  if (previous.deletionTimestamp !== undefined) {
    const added = (metadata.finalizers ?? []).filter((finalizer) => previous.finalizers?.includes(finalizer) !== true)
    if (added.length > 0)
      causes.push(
        forbiddenField(
          'metadata.finalizers',
          `no new finalizers can be added if the object is being deleted, found new finalizers []string{${added.map((name) => JSON.stringify(name)).join(', ')}}`,
        ),
      )
  }
  return causes
}

/** The cause for a changed field that may not change. */
export function immutable(field: string, value: unknown): StatusCause {
  return invalidValue(field, value, immutableMessage)
}

/** The cause if a field that may not change did. */
export function validateImmutable(field: string, value: unknown, previous: unknown): StatusCause[] {
  return isDeepStrictEqual(value, previous) ? [] : [immutable(field, value ?? null)]
}

/** A `LabelSelector`'s labels and expressions. */
export function validateLabelSelector(selector: MetaV1LabelSelector, field: string): StatusCause[] {
  const causes: StatusCause[] = []
  if (selector.matchLabels !== undefined) causes.push(...validateLabels(selector.matchLabels, `${field}.matchLabels`))
  selector.matchExpressions?.forEach(({ key = '', operator = '', values = [] }: Partial<MetaV1LabelSelectorRequirement>, index) => {
    const path = `${field}.matchExpressions[${index}]`
    if (operator === 'In' || operator === 'NotIn') {
      if (values.length === 0) causes.push(required(`${path}.values`, "must be specified when `operator` is 'In' or 'NotIn'"))
    } else if (operator === 'Exists' || operator === 'DoesNotExist') {
      if (values.length > 0)
        causes.push(forbiddenField(`${path}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"))
    } else causes.push(invalidValue(`${path}.operator`, operator, 'not a valid selector operator'))
    for (const message of checkQualifiedName(key)) causes.push(invalidValue(`${path}.key`, key, message))
    values.forEach((value, at) => {
      for (const message of checkLabelValue(value)) causes.push(invalidValue(`${path}.values[${at}]`, value, message))
    })
  })
  return causes
}

/** Causes for values that occur twice among items. */
export function validateUnique<T>(
  items: readonly T[],
  fieldOf: (item: T, index: number) => string,
  valueOf: (item: T) => unknown,
): StatusCause[] {
  const seen = new Set<string>()
  const causes: StatusCause[] = []
  items.forEach((item, index) => {
    const value = valueOf(item)
    if (value === undefined || value === '') return
    const key = JSON.stringify(value)
    if (seen.has(key)) causes.push(duplicate(fieldOf(item, index), value))
    seen.add(key)
  })
  return causes
}
