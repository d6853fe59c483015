import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { applyDefaults } from './defaulting.ts'
import { definitionOf, type Definition, type Shape } from './definition.ts'
import type { KindDeclaration } from './kind-declaration.ts'
import { apiVersionOf, type KubeObject } from './object.ts'
import { checkSchema, pruneUnknown } from './schema.ts'
import { prepareForCreate, prepareForStatusUpdate, prepareForUpdate } from './strategy.ts'
import { toTable } from './table.ts'
import { validateObject, validateUpdate } from './validation.ts'

/** A moment after every time in the objects. */
const now = Date.UTC(2026, 0, 1)

/** The smallest object of a kind whose required fields are all there. */
function minimalStruct(definition: Definition, depth = 0): Record<string, unknown> {
  return Object.fromEntries(definition.required.map((name) => [name, minimalValue(definition.fields.get(name)!, depth)]))
}

function minimalValue(shape: Shape, depth: number): unknown {
  switch (shape.type) {
    case 'struct':
      return depth > 6 ? {} : minimalStruct(shape.definition, depth + 1)
    case 'array':
      return []
    case 'map':
    case 'any':
      return {}
    case 'boolean':
      return false
    case 'int32':
    case 'int64':
    case 'double':
    case 'intOrString':
      return 1
    case 'quantity':
      return '1'
    case 'time':
      return '2025-01-01T00:00:00Z'
    case 'bytes':
      return 'YQ=='
    case 'string':
      return 'text'
  }
}

/** An object that a client could send, with what the schema alone asks for; `extra` replaces top-level fields. */
export function minimalObject(declaration: KindDeclaration, extra: Readonly<Record<string, unknown>> = {}): KubeObject {
  const { kind, definition } = declaration
  const { fields, required } = definitionOf(definition)
  const spec = fields.get('spec')
  return {
    ...minimalStruct({ ...definitionOf(definition), required: required.filter((name) => name !== 'status') }),
    ...(spec === undefined ? {} : { spec: minimalValue(spec, 0) }),
    apiVersion: apiVersionOf(kind),
    kind: kind.kind,
    metadata: { name: 'a', uid: '7f0c', creationTimestamp: '2025-12-31T00:00:00Z', ...(kind.isNamespaced ? { namespace: 'default' } : {}) },
    ...structuredClone(extra),
  }
}

/** Texts that trip code which trusts its input. */
const oddTexts = ['', 'a', 'None', 'Always', 'ClientIP', 'External', '__proto__', 'constructor', '10%', '1/2', '\n', '{']

/** Any object that the schema allows: a tape of numbers decides which fields are there and what they hold. */
function wellTypedObject(declaration: KindDeclaration, tape: readonly number[]): KubeObject {
  let at = 0
  const next = (bound: number) => (tape[at++ % tape.length]! + at) % bound
  const value = (shape: Shape, depth: number): unknown => {
    switch (shape.type) {
      case 'struct':
        return struct(shape.definition, depth + 1)
      case 'array':
        return Array.from({ length: next(3) }, () => value(shape.items!, depth + 1))
      case 'map':
        return Object.fromEntries(
          Array.from({ length: next(3) }, () => [oddTexts[next(oddTexts.length)]!, value(shape.values!, depth + 1)]),
        )
      case 'string':
        return oddTexts[next(oddTexts.length)]
      case 'int32':
      case 'int64':
      case 'double':
        return next(5) * 40_000 - 40_000
      case 'intOrString':
        return next(2) === 0 ? next(100) : oddTexts[next(oddTexts.length)]
      default:
        return minimalValue(shape, 0)
    }
  }
  const struct = (definition: Definition, depth: number): Record<string, unknown> => {
    const fields = [...definition.fields].filter(() => depth < 8 && next(depth < 2 ? 2 : 3) === 0)
    return Object.fromEntries(fields.map(([name, shape]) => [name, value(shape, depth)]))
  }
  return {
    ...struct(definitionOf(declaration.definition), 0),
    apiVersion: apiVersionOf(declaration.kind),
    kind: declaration.kind.kind,
  } as KubeObject
}

/** What every kind's declaration promises. `extra` completes the minimal object where rules ask for more than the schema. */
export function testKindDeclaration(declaration: KindDeclaration, extra: Readonly<Record<string, unknown>> = {}): void {
  const { kind, definition } = declaration
  const create = () => {
    const object = applyDefaults(declaration, pruneUnknown(definition, minimalObject(declaration, extra)))
    prepareForCreate(declaration, object)
    return object
  }

  describe(`${apiVersionOf(kind)} ${kind.kind}`, () => {
    it('accepts its minimal object', () => {
      const object = create()
      expect(checkSchema(definition, object)).toEqual({ unknownFields: [], typeErrors: [] })
      expect(validateObject(declaration, object)).toEqual([])
    })

    it('defaults an empty object without throwing, and says what is missing', () => {
      const object = applyDefaults(declaration, { apiVersion: apiVersionOf(kind), kind: kind.kind } as KubeObject)
      prepareForCreate(declaration, object)
      if (declaration.isReviewOnly !== true) expect(validateObject(declaration, object)).not.toEqual([])
      expect(() => declaration.cells(object, now)).not.toThrow()
    })

    it('takes any object that the schema allows without throwing', () => {
      fc.assert(
        fc.property(fc.array(fc.nat(), { minLength: 20, maxLength: 40 }), (tape) => {
          const object = applyDefaults(declaration, pruneUnknown(definition, wellTypedObject(declaration, tape)))
          const previous = structuredClone(object)
          prepareForCreate(declaration, object)
          prepareForUpdate(declaration, object, previous)
          validateUpdate(declaration, object, previous)
          declaration.storage?.toStorage(object)
          declaration.scale?.read(object)
          expect(declaration.cells(object, now)).toHaveLength(declaration.columns.length)
        }),
        { numRuns: 50 },
      )
    })

    it('defaults once: a second time changes nothing', () => {
      const object = create()
      expect(applyDefaults(declaration, structuredClone(object))).toEqual(object)
    })

    it('survives pruning and JSON unchanged', () => {
      const object = create()
      expect(pruneUnknown(definition, object)).toEqual(object)
      expect(JSON.parse(JSON.stringify(object))).toEqual(object)
    })

    it('fills one cell per column', () => {
      const table = toTable(declaration, [create()], { now })
      expect(table.rows[0]!.cells).toHaveLength(table.columnDefinitions.length)
      for (const cell of table.rows[0]!.cells) expect(['string', 'number', 'boolean']).toContain(typeof cell)
    })

    it('takes an update that changes nothing, and keeps the generation', () => {
      const previous = create()
      const object = structuredClone(previous)
      prepareForUpdate(declaration, object, previous)
      expect(object).toEqual(previous)
      expect(declaration.isReviewOnly === true ? [] : validateUpdate(declaration, object, previous)).toEqual([])
    })

    it('changes nothing but the status in a status update', () => {
      const previous = create()
      const object = { ...structuredClone(previous), spec: { changed: true } } as KubeObject
      prepareForStatusUpdate(declaration, object, previous)
      const { status: _, ...kept } = object as KubeObject & { status?: unknown }
      const { status: __, ...before } = previous as KubeObject & { status?: unknown }
      expect(kept).toEqual(before)
    })

    it('reads every selectable field as a text', () => {
      const object = create()
      for (const read of Object.values(declaration.selectableFields)) expect(typeof read(object)).toBe('string')
    })
  })
}

/** What every kind that is stored as another one promises. */
export function testStorage(
  declaration: KindDeclaration & { readonly storage: NonNullable<KindDeclaration['storage']> },
  extra: Readonly<Record<string, unknown>> = {},
): void {
  const { definition, kind, storage } = declaration
  describe(`${apiVersionOf(kind)} ${kind.kind}, stored as ${apiVersionOf(storage.kind)}`, () => {
    it('comes back from storage as it went in', () => {
      const object = applyDefaults(declaration, pruneUnknown(definition, minimalObject(declaration, extra)))
      const stored = storage.toStorage(object)
      expect(stored.apiVersion).toBe(apiVersionOf(storage.kind))
      expect(storage.fromStorage(stored)).toMatchObject(object)
    })
  })
}
