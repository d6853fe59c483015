import { describe, expect, it } from 'vitest'
import type { Alert } from '../state/alert.ts'
import { fingerprintOf } from '../state/labels.ts'
import { createInhibitor } from './inhibition.ts'
import { parseMatchers } from './matcher.ts'

const rule = {
  source: parseMatchers('severity="critical"'),
  target: parseMatchers('severity=~"warning|critical"'),
  equal: ['node', 'zone'],
}

function alert(labels: Record<string, string>, endsAt?: number): Alert {
  return {
    fingerprint: fingerprintOf(labels),
    labels,
    annotations: {},
    startsAt: 0,
    updatedAt: 0,
    source: 'rule',
    ...(endsAt !== undefined && { endsAt }),
  }
}

describe('inhibition', () => {
  const source = alert({ severity: 'critical', node: 'a' })
  const target = alert({ severity: 'warning', node: 'a' })

  it('mutes a target whose equal labels agree, missing ones counting as equal', () => {
    expect(createInhibitor([rule], [source, target], 10).inhibiting(target)).toEqual([source.fingerprint])
    const elsewhere = alert({ severity: 'warning', node: 'b' })
    expect(createInhibitor([rule], [source, elsewhere], 10).inhibiting(elsewhere)).toEqual([])
  })

  it('ends with its source', () => {
    const over = alert({ severity: 'critical', node: 'a' }, 5)
    expect(createInhibitor([rule], [over, target], 10).inhibiting(target)).toEqual([])
  })

  it('does not let two alerts that match both sides mute each other', () => {
    const other = alert({ severity: 'critical', node: 'a', pod: 'x' })
    const inhibitor = createInhibitor([rule], [source, other], 10)
    expect([inhibitor.inhibiting(source), inhibitor.inhibiting(other)]).toEqual([[], []])
  })
})
