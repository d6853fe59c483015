import { describe, expect, it } from 'vitest'
import { matchesFields, parseFieldSelector } from './fields.ts'
import type { CoreV1Pod } from './generated/kinds.ts'
import { findKind } from './kinds.ts'

const pods = findKind('', 'v1', 'pods')!
const pod: CoreV1Pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'a', namespace: 'default' },
  spec: { containers: [], nodeName: 'n,1' },
  status: { phase: 'Running' },
}

describe('field selectors', () => {
  it.each([
    ['', true],
    ['metadata.name=a', true],
    ['metadata.name==a,status.phase!=Running', false],
    ['status.phase!=Failed,metadata.namespace=default', true],
    ['spec.nodeName=n\\,1', true],
    ['spec.nodeName=', false],
  ])('%j gives %s', (text, expected) => {
    expect(matchesFields(pods, parseFieldSelector(pods, text), pod)).toBe(expected)
  })

  it('refuses fields that the kind cannot be selected by, and text without an operator', () => {
    expect(() => parseFieldSelector(pods, 'spec.image=a')).toThrow('field label not supported: spec.image')
    expect(() => parseFieldSelector(pods, '__proto__=a')).toThrow('field label not supported')
    expect(() => parseFieldSelector(pods, 'metadata.name')).toThrow("can't understand 'metadata.name'")
  })
})
