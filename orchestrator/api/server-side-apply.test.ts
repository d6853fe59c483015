import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { differenceOf, equalSets, formatFieldSet, intersectionOf, parseFieldSet, unionOf } from './field-set.ts'
import type { AppsV1Deployment } from './generated/kinds.ts'
import type { KubeObject } from './object.ts'
import { applyServerSide, trackUpdate } from './server-side-apply.ts'
import { statusOf } from './status-error.ts'

const definition = 'io.k8s.api.apps.v1.Deployment'
const now = Date.UTC(2025, 0, 1)
const base = { apiVersion: 'apps/v1', kind: 'Deployment' }

const applied = (spec: object, metadata: object = {}) =>
  ({ ...base, metadata: { name: 'a', ...metadata }, spec }) as unknown as AppsV1Deployment
const apply = (live: KubeObject | undefined, body: KubeObject, manager = 'helm', force = false) =>
  applyServerSide(live, body, { manager, force, definition, now }) as AppsV1Deployment
const container = (fields: object) => ({ template: { spec: { containers: [{ name: 'main', ...fields }] } } })
const fieldsOf = (object: KubeObject, manager: string) =>
  object.metadata.managedFields?.find((entry) => entry.manager === manager)?.fieldsV1

const failureOf = (run: () => unknown) => {
  try {
    run()
  } catch (error) {
    return statusOf(error)
  }
  return undefined
}

describe('server-side apply', () => {
  it('records the fields that a first apply sets', () => {
    const object = apply(
      undefined,
      applied({ replicas: 2, ...container({ image: 'x', ports: [{ containerPort: 80 }], args: ['1'] }) }, { labels: { app: 'a' } }),
    )
    expect(object.metadata.managedFields).toEqual([
      {
        manager: 'helm',
        operation: 'Apply',
        apiVersion: 'apps/v1',
        time: '2025-01-01T00:00:00Z',
        fieldsType: 'FieldsV1',
        fieldsV1: {
          'f:metadata': { 'f:labels': { 'f:app': {} } },
          'f:spec': {
            'f:replicas': {},
            'f:template': {
              'f:spec': {
                'f:containers': {
                  'k:{"name":"main"}': {
                    '.': {},
                    'f:args': {},
                    'f:image': {},
                    'f:name': {},
                    'f:ports': { 'k:{"containerPort":80,"protocol":"TCP"}': { '.': {}, 'f:containerPort': {} } },
                  },
                },
              },
            },
          },
        },
      },
    ])
  })

  it('merges into the live object and keeps what others set', () => {
    const live = apply(undefined, applied({ replicas: 2, ...container({ image: 'x' }) }, { labels: { app: 'a' } }))
    const object = apply(live, applied({ ...container({ env: [{ name: 'A', value: '1' }] }) }), 'other')
    expect(object.spec.template.spec!.containers).toEqual([{ name: 'main', image: 'x', env: [{ name: 'A', value: '1' }] }])
    expect(object.spec.replicas).toBe(2)
    expect(object.metadata.labels).toEqual({ app: 'a' })
  })

  it('removes what its manager no longer applies, unless somebody else owns it', () => {
    const first = apply(
      undefined,
      applied({ replicas: 2, minReadySeconds: 5, ...container({ image: 'x', workingDir: '/' }) }, { labels: { a: '1', b: '2' } }),
    )
    const shared = apply(first, applied({ minReadySeconds: 5 }), 'other')
    const object = apply(shared, applied({ ...container({ image: 'x' }) }, { labels: { a: '1' } }))
    expect(object.spec).toEqual({ minReadySeconds: 5, ...container({ image: 'x' }) })
    expect(object.metadata.labels).toEqual({ a: '1' })
  })

  it('removes list items that it brought, and keeps those of others', () => {
    const first = apply(
      undefined,
      applied({
        template: {
          spec: {
            containers: [
              { name: 'main', image: 'x' },
              { name: 'side', image: 'y' },
            ],
          },
        },
      }),
    )
    const second = apply(first, applied({ template: { spec: { containers: [{ name: 'third', image: 'z' }] } } }), 'other')
    const object = apply(second, applied(container({ image: 'x' })))
    expect(object.spec.template.spec!.containers.map(({ name }) => name).sort()).toEqual(['main', 'third'])
  })

  it('refuses to change what another manager owns, and takes it by force', () => {
    const live = apply(undefined, applied({ replicas: 2, ...container({ image: 'x' }) }))
    const body = applied({ replicas: 3, ...container({ image: 'y' }) })
    expect(failureOf(() => apply(live, body, 'other'))).toMatchObject({
      code: 409,
      reason: 'Conflict',
      message:
        'Apply failed with 2 conflicts: conflicts with "helm" using apps/v1:\n- .spec.replicas\n- .spec.template.spec.containers[name="main"].image',
      details: {
        causes: [
          { reason: 'FieldManagerConflict', message: 'conflict with "helm" using apps/v1', field: '.spec.replicas' },
          { field: '.spec.template.spec.containers[name="main"].image' },
        ],
      },
    })
    const forced = apply(live, body, 'other', true)
    expect(forced.spec.replicas).toBe(3)
    expect(fieldsOf(forced, 'helm')).not.toHaveProperty(['f:spec', 'f:replicas'])
  })

  it('shares fields that have the same value', () => {
    const live = apply(undefined, applied({ replicas: 2 }))
    const object = apply(live, applied({ replicas: 2 }), 'other')
    expect(object.metadata.managedFields).toHaveLength(2)
  })

  it('answers the live object itself when nothing changes', () => {
    const body = applied({ replicas: 2, ...container({ image: 'x' }) }, { labels: { a: '1' } })
    const live = apply(undefined, body)
    expect(apply(live, body)).toBe(live)
  })

  it('holds fields written before the first apply for their unknown writer', () => {
    const live = applied({ replicas: 1 })
    expect(failureOf(() => apply(live, applied({ replicas: 2 })))?.message).toContain(
      'conflict with "before-first-apply" using apps/v1: .spec.replicas',
    )
    expect(apply(live, applied({ minReadySeconds: 1 })).spec).toEqual({ replicas: 1, minReadySeconds: 1 })
  })

  it('takes bodies with managedFields for a mistake', () => {
    expect(failureOf(() => apply(undefined, applied({}, { managedFields: [{ manager: 'a' }] })))?.message).toBe(
      'metadata.managedFields must be nil',
    )
  })

  it('lets a plain write take ownership, so that the next apply conflicts', () => {
    const live = apply(undefined, applied({ replicas: 2, minReadySeconds: 1 }))
    const scaled = structuredClone(live)
    scaled.spec.replicas = 5
    delete scaled.spec.minReadySeconds
    trackUpdate(scaled, live, { manager: 'kubectl-scale', definition, now })
    expect(fieldsOf(scaled, 'kubectl-scale')).toEqual({ 'f:spec': { 'f:replicas': {} } })
    expect(fieldsOf(scaled, 'helm')).toBeUndefined()
    expect(failureOf(() => apply(scaled, applied({ replicas: 2 })))?.code).toBe(409)
  })

  it('tracks no owners on objects that nobody applied', () => {
    const object = applied({ replicas: 1 })
    trackUpdate(object, applied({ replicas: 2 }), { manager: 'a', definition, now })
    expect(object.metadata.managedFields).toBeUndefined()
  })

  it('takes a label named __proto__ for a label', () => {
    const labels = JSON.parse('{"__proto__":"x"}') as object
    const object = apply(apply(undefined, applied({}, { labels: { a: '1' } })), applied({}, { labels }), 'other')
    expect(Object.keys(object.metadata.labels!)).toEqual(['a', '__proto__'])
  })

  it('changes neither the live object nor the body', () => {
    const live = apply(undefined, applied({ replicas: 2, ...container({ image: 'x' }) }))
    const body = applied({ replicas: 3 })
    const before = structuredClone([live, body])
    apply(live, body, 'other', true)
    expect([live, body]).toEqual(before)
  })
})

describe('field sets', () => {
  const set = fc.letrec<{ tree: object }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 3 },
      fc.constant({}),
      fc.dictionary(fc.constantFrom('.', 'f:a', 'f:b', 'f:c', 'k:{"name":"x"}'), tie('tree'), { maxKeys: 3 }),
    ),
  })).tree

  it('reads back what it writes', () => {
    fc.assert(
      fc.property(set, (json) => {
        const parsed = parseFieldSet(json)
        expect(equalSets(parseFieldSet(formatFieldSet(parsed)), parsed)).toBe(true)
      }),
    )
  })

  it('keeps the laws of sets', () => {
    fc.assert(
      fc.property(set, set, (left, right) => {
        const [a, b] = [parseFieldSet(left), parseFieldSet(right)]
        expect(equalSets(unionOf(differenceOf(a, b), intersectionOf(a, b)), a)).toBe(true)
        expect(equalSets(unionOf(a, b), unionOf(b, a))).toBe(true)
        expect(equalSets(differenceOf(unionOf(a, b), b), differenceOf(a, b))).toBe(true)
      }),
    )
  })
})
