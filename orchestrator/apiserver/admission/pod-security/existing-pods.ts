import type { Clock } from '../../../../lib/clock.ts'
import type { CoreV1Pod } from '../../../api/generated/kinds.ts'
import type { Store } from '../../../store/store.ts'
import { checkedOf } from './pod.ts'
import { type Standard, standardText } from './policy.ts'
import { reasonsText, violationsOf } from './standards.ts'

/** As upstream: of a namespace with more pods, or whose pods take longer, the rest is not looked at. */
const maxPods = 3000
const maxMs = 1000

interface Group {
  /** The first name in order. */
  name: string
  count: number
}

/** What to tell somebody who asks more of a namespace's pods than of those that are there: which of them would be refused, and why. */
export function warnAboutExisting(store: Store, clock: Clock, namespace: string, enforce: Standard): string[] {
  const pods = oneOfEachFirst(store.list(`core/pods/${namespace}/`).entries.map(({ object }) => object as CoreV1Pod))
  const end = clock.monotonic() + maxMs
  const groups = new Map<string, Group>()
  let checked = 0
  while (checked < Math.min(pods.length, maxPods)) {
    const pod = pods[checked++]!
    const subject = checkedOf(pod)
    const reasons = subject === undefined ? '' : reasonsText(violationsOf(enforce, subject))
    if (reasons !== '') addTo(groups, reasons, pod.metadata.name!)
    if (clock.monotonic() > end) break
  }
  const warnings: string[] = []
  if (checked < pods.length)
    warnings.push(`new PodSecurity enforce level only checked against the first ${checked} of ${pods.length} existing pods`)
  if (groups.size > 0)
    warnings.push(`existing pods in namespace "${namespace}" violate the new PodSecurity enforce level "${standardText(enforce)}"`)
  return [...warnings, ...[...groups].map(groupText).toSorted()]
}

/** Pods of one controller are as good as alike: those that nobody speaks for yet come first. */
function oneOfEachFirst(pods: readonly CoreV1Pod[]): CoreV1Pod[] {
  const seen = new Set<string>()
  const first: CoreV1Pod[] = []
  const others: CoreV1Pod[] = []
  for (const pod of pods) {
    const owner = pod.metadata.ownerReferences?.find(({ controller }) => controller === true)?.uid
    if (owner === undefined || !seen.has(owner)) first.push(pod)
    else others.push(pod)
    if (owner !== undefined) seen.add(owner)
  }
  return [...first, ...others]
}

function addTo(groups: Map<string, Group>, reasons: string, name: string): void {
  const group = groups.get(reasons)
  if (group === undefined) {
    groups.set(reasons, { name, count: 1 })
    return
  }
  group.count++
  if (name < group.name) group.name = name
}

function groupText([reasons, { name, count }]: readonly [string, Group]): string {
  if (count === 1) return `${name}: ${reasons}`
  return `${name} (and ${count - 1} other ${count === 2 ? 'pod' : 'pods'}): ${reasons}`
}
