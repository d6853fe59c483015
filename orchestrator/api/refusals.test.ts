import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { applyDefaults } from './defaulting.ts'
import type { KindDeclaration } from './kind-declaration.ts'
import { findKindByName } from './kinds.ts'
import type { KubeObject } from './object.ts'
import { applyMergePatch } from './patch.ts'
import { checkSchema, pruneUnknown } from './schema.ts'
import type { StatusCause } from './status-error.ts'
import { prepareForCreate, prepareForUpdate } from './strategy.ts'
import { validateObject, validateUpdate } from './validation.ts'

const read = (name: string): unknown => JSON.parse(readFileSync(new URL(`data/refusals/${name}`, import.meta.url), 'utf8'))

/** Objects that Kubernetes 1.35 takes, with as many of their fields as go together, by a short name. */
const validObjects = read('valid-objects.json') as Readonly<Record<string, object>>
/**
 * By the name of a valid object: the path of a field, what it becomes (`null`: it goes), and everything that Kubernetes 1.35 says of the
 * outcome, in order.
 */
const refusals = read('refusals.json') as Readonly<
  Record<string, readonly (readonly [path: string, value: unknown, ...messages: string[]])[]>
>
/** The name of a valid object, a merge patch, and everything that Kubernetes 1.35 says of the change: nothing where it is allowed. */
const changes = read('changes.json') as readonly (readonly [name: string, patch: object, ...messages: string[]])[]

function declarationOf({ apiVersion, kind }: KubeObject): KindDeclaration {
  const [version, group = ''] = apiVersion.split('/').reverse() as [string, string?]
  return findKindByName(group, version, kind)!
}

const textOf = (causes: readonly StatusCause[]) => [...new Set(causes.map(({ field, message }) => `${field}: ${message}`))].sort()

/** An object as it is when it is about to be stored for the first time. */
function create(given: object): KubeObject {
  const declaration = declarationOf(given as KubeObject)
  expect(checkSchema(declaration.definition, given as KubeObject).typeErrors).toEqual([])
  const pruned = pruneUnknown(declaration.definition, structuredClone(given) as KubeObject)
  const object = { ...pruned, metadata: { ...pruned.metadata, uid: '1234' } }
  applyDefaults(declaration, object)
  prepareForCreate(declaration, object)
  return applyDefaults(declaration, object)
}

/** Everything wrong with an object that is to be created, as upstream prints it. */
function judge(given: object): string[] {
  const object = create(given)
  return textOf(validateObject(declarationOf(object), object))
}

/** Everything wrong with a change. */
function judgeChange(given: object, patch: object): string[] {
  const previous = create(given)
  const declaration = declarationOf(previous)
  const object = applyDefaults(
    declaration,
    pruneUnknown(declaration.definition, applyMergePatch(structuredClone(previous), patch) as KubeObject),
  )
  prepareForUpdate(declaration, object, previous)
  return textOf(validateUpdate(declaration, object, previous))
}

/** A copy with the field at a path such as `spec.ports.0.name` set, or without it. */
function change(object: object, path: string, value: unknown): object {
  const copy = structuredClone(object)
  const steps = path.split('.')
  let parent = copy as Record<string, unknown>
  for (const step of steps.slice(0, -1)) parent = parent[step] as Record<string, unknown>
  if (value === null) delete parent[steps.at(-1)!]
  else parent[steps.at(-1)!] = value
  return copy
}

describe('the valid object', () => {
  it.each(Object.entries(validObjects))('%s is taken', (_, object) => {
    expect(judge(object)).toEqual([])
  })
})

describe.each(Object.entries(refusals))('%s', (name, rows) => {
  it.each(rows.map(([path, value, ...messages]) => ({ path, value, messages })))(
    'is refused with $path $value',
    ({ path, value, messages }) => {
      expect(judge(change(validObjects[name]!, path, value))).toEqual(messages)
    },
  )
})

describe('the change', () => {
  it.each(changes.map(([name, patch, ...messages]) => ({ name, patch, messages })))('of $name with $patch', ({ name, patch, messages }) => {
    expect(judgeChange(validObjects[name]!, patch)).toEqual(messages)
  })
})
