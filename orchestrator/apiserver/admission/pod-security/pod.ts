import type { CoreV1Container, CoreV1EphemeralContainer, CoreV1PodSpec, CoreV1PodTemplateSpec } from '../../../api/generated/kinds.ts'

/** A pod, or a template of pods, as checks look at it. */
export interface Checked {
  readonly annotations: Readonly<Record<string, string>>
  readonly spec: CoreV1PodSpec
  /** All of them: those that start first, those that stay, those that came later. */
  readonly containers: readonly (CoreV1Container | CoreV1EphemeralContainer)[]
}

/** What a check has against a pod. */
export interface Violation {
  readonly reason: string
  readonly detail: string
}

/** Looks at one thing of a pod. */
export type Check = (pod: Checked) => Violation | undefined

/** What checks look at; absent where there is no spec to look at. */
export function checkedOf({ metadata, spec }: CoreV1PodTemplateSpec): Checked | undefined {
  if (spec === undefined) return undefined
  const containers = [...(spec.initContainers ?? []), ...(spec.containers ?? []), ...(spec.ephemeralContainers ?? [])]
  return { annotations: metadata?.annotations ?? {}, spec, containers }
}

/** Some containers by their names. */
export const namesWhere = ({ containers }: Checked, isBad: (container: CoreV1Container | CoreV1EphemeralContainer) => boolean): string[] =>
  containers.filter(isBad).map(({ name }) => name)

/** `noun` or `nouns`. */
export const plural = (noun: string, count: number): string => (count === 1 ? noun : `${noun}s`)

/** `"a", "b"`. What has no name, which is not this check's affair, has an empty one. */
export const quotedList = (texts: readonly (string | undefined)[]): string => texts.map((text = '') => `"${text}"`).join(', ')

/** Each text once, in order. */
export const sortedOnce = (texts: Iterable<string>): string[] => [...new Set(texts)].toSorted()

/** `container "a"` or `containers "a", "b"`. */
export const containersText = (names: readonly string[]): string => `${plural('container', names.length)} ${quotedList(names)}`

/** Who sets something: `pod and containers "a", "b"`. Empty where nobody does. */
export function settersText(isPod: boolean, names: readonly string[]): string {
  const containers = names.length === 0 ? '' : containersText(names)
  if (!isPod) return containers
  return containers === '' ? 'pod' : `pod and ${containers}`
}
