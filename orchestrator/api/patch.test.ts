import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { applyJsonPatch, applyMergePatch, applyStrategicMergePatch } from './patch.ts'
import { statusOf } from './status-error.ts'

const codeOf = (run: () => unknown): number | undefined => {
  try {
    run()
  } catch (error) {
    return statusOf(error)?.code
  }
  return undefined
}

describe('JSON patch', () => {
  const document = { a: { b: [1, 2, 3] }, 'x/y': { '~': 1 } }

  it.each([
    [[{ op: 'add', path: '/a/b/1', value: 9 }], { a: { b: [1, 9, 2, 3] }, 'x/y': { '~': 1 } }],
    [[{ op: 'add', path: '/a/b/-', value: 9 }], { a: { b: [1, 2, 3, 9] }, 'x/y': { '~': 1 } }],
    [[{ op: 'remove', path: '/a/b/0' }], { a: { b: [2, 3] }, 'x/y': { '~': 1 } }],
    [[{ op: 'replace', path: '/x~1y/~0', value: null }], { a: { b: [1, 2, 3] }, 'x/y': { '~': null } }],
    [[{ op: 'move', from: '/a/b', path: '/c' }], { a: {}, c: [1, 2, 3], 'x/y': { '~': 1 } }],
    [[{ op: 'copy', from: '/a/b/2', path: '/d' }], { a: { b: [1, 2, 3] }, d: 3, 'x/y': { '~': 1 } }],
    [[{ op: 'test', path: '/a/b', value: [1, 2, 3] }], document],
    [[{ op: 'replace', path: '', value: 1 }], 1],
  ])('applies %j', (operations, expected) => {
    const before = structuredClone(document)
    expect(applyJsonPatch(document, operations)).toEqual(expected)
    expect(document).toEqual(before)
  })

  it.each([
    ['no list', {}, 400],
    ['an unknown operation', [{ op: 'merge', path: '/a' }], 400],
    ['a pointer without a slash', [{ op: 'remove', path: 'a' }], 400],
    ['no value', [{ op: 'add', path: '/a' }], 400],
    ['a missing path', [{ op: 'remove', path: '/q' }], 422],
    ['a failed test', [{ op: 'test', path: '/a', value: 1 }], 422],
    ['an index out of bounds', [{ op: 'add', path: '/a/b/4', value: 1 }], 422],
    ['a move into itself', [{ op: 'move', from: '/a', path: '/a/b/c' }], 422],
    ['the prototype', [{ op: 'add', path: '/__proto__/x', value: 1 }], 422],
    ['too many operations', Array.from({ length: 10_001 }, () => ({ op: 'test', path: '', value: 1 })), 413],
  ])('refuses %s', (_, operations, code) => {
    expect(codeOf(() => applyJsonPatch(document, operations))).toBe(code)
  })

  it('adds a member named __proto__ as plain data', () => {
    const result = applyJsonPatch({}, [{ op: 'add', path: '/__proto__', value: { x: 1 } }]) as object
    expect(Object.keys(result)).toEqual(['__proto__'])
    expect(Object.getPrototypeOf(result)).toBe(Object.prototype)
  })
})

describe('merge patch', () => {
  it.each([
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b', b: 1 }, { a: null }, { b: 1 }],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: { b: 1, c: 2 } }, { a: { b: null, d: { e: null } } }, { a: { c: 2, d: {} } }],
    [{ a: [{ b: 1 }] }, { a: [1] }, { a: [1] }],
    ['text', { a: 1 }, { a: 1 }],
  ])('%j with %j gives %j', (document, patch, expected) => {
    expect(applyMergePatch(document, patch)).toEqual(expected)
  })

  it('is the same applied twice, and leaves the document alone', () => {
    fc.assert(
      fc.property(fc.object(), fc.object(), (document, patch) => {
        const before = structuredClone(document)
        const once = applyMergePatch(document, patch)
        expect(document).toEqual(before)
        expect(applyMergePatch(once, patch)).toEqual(once)
      }),
    )
  })

  it('refuses what is no object', () => {
    expect(codeOf(() => applyMergePatch({}, []))).toBe(400)
  })
})

describe('strategic merge patch', () => {
  const deployment = 'io.k8s.api.apps.v1.Deployment'
  const containers = (...list: object[]) => ({ spec: { template: { spec: { containers: list } } } })
  const merge = (document: object, patch: object) => applyStrategicMergePatch(document, patch, deployment)

  it('merges lists by their key and keeps other items', () => {
    expect(merge(containers({ name: 'a', image: 'x:1', args: ['1'] }, { name: 'b' }), containers({ name: 'a', image: 'x:2' }))).toEqual(
      containers({ name: 'a', image: 'x:2', args: ['1'] }, { name: 'b' }),
    )
    expect(merge(containers({ name: 'a' }), containers({ name: 'c' }))).toEqual(containers({ name: 'a' }, { name: 'c' }))
  })

  it('replaces lists without a key', () => {
    expect(merge(containers({ name: 'a', args: ['1', '2'] }), containers({ name: 'a', args: ['3'] }))).toEqual(
      containers({ name: 'a', args: ['3'] }),
    )
  })

  it('deletes items and maps by directive', () => {
    expect(merge(containers({ name: 'a' }, { name: 'b' }), containers({ $patch: 'delete', name: 'a' }))).toEqual(containers({ name: 'b' }))
    expect(
      merge({ spec: { strategy: { type: 'x', rollingUpdate: {} } } }, { spec: { strategy: { $patch: 'replace', type: 'Recreate' } } }),
    ).toEqual({ spec: { strategy: { type: 'Recreate' } } })
    expect(merge(containers({ name: 'a' }), containers({ $patch: 'replace' }, { name: 'z' }))).toEqual(containers({ name: 'z' }))
  })

  it('retains only the named keys', () => {
    const patch = { spec: { strategy: { $retainKeys: ['type'], type: 'Recreate' } } }
    expect(merge({ spec: { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1 } } } }, patch)).toEqual({
      spec: { strategy: { type: 'Recreate' } },
    })
  })

  it('orders items as told, others after the one they followed', () => {
    const patch = {
      spec: {
        template: { spec: { '$setElementOrder/containers': [{ name: 'b' }, { name: 'a' }], containers: [{ name: 'b', image: 'y' }] } },
      },
    }
    expect(merge(containers({ name: 'a' }, { name: 'x' }, { name: 'b' }), patch)).toEqual(
      containers({ name: 'b', image: 'y' }, { name: 'a' }, { name: 'x' }),
    )
  })

  it('unites and empties lists of scalars that merge', () => {
    const document = { metadata: { finalizers: ['a', 'b'] } }
    expect(merge(document, { metadata: { finalizers: ['c'] } })).toEqual({ metadata: { finalizers: ['a', 'b', 'c'] } })
    expect(merge(document, { metadata: { '$deleteFromPrimitiveList/finalizers': ['a'] } })).toEqual({ metadata: { finalizers: ['b'] } })
  })

  it('merges labels and deletes by null', () => {
    expect(merge({ metadata: { labels: { a: '1', b: '2' } } }, { metadata: { labels: { a: null, c: '3' } } })).toEqual({
      metadata: { labels: { b: '2', c: '3' } },
    })
  })

  it('takes conditions by type, ports by container port', () => {
    const status = (list: object[]) => ({ status: { conditions: list } })
    expect(merge(status([{ type: 'A', status: 'True' }]), status([{ type: 'A', status: 'False' }]))).toEqual(
      status([{ type: 'A', status: 'False' }]),
    )
    const ports = (list: object[]) => containers({ name: 'a', ports: list })
    expect(merge(ports([{ containerPort: 80, name: 'x' }]), ports([{ containerPort: 80, protocol: 'TCP' }]))).toEqual(
      ports([{ containerPort: 80, name: 'x', protocol: 'TCP' }]),
    )
  })

  it('refuses unknown directives and items without their key', () => {
    expect(codeOf(() => merge({}, { spec: { $patch: 'explode' } }))).toBe(400)
    expect(codeOf(() => merge(containers({ name: 'a' }), containers({ image: 'x' })))).toBe(400)
    expect(codeOf(() => merge({}, []))).toBe(400)
  })

  it('changes neither document nor patch, whatever they hold', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (document, patch) => {
        const [before, given] = [structuredClone(document), structuredClone(patch)]
        codeOf(() => merge({ spec: document }, { spec: patch }))
        expect([document, patch]).toEqual([before, given])
      }),
    )
  })
})
