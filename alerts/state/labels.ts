/** Names and values that identify an alert, a series or a group. */
export type Labels = Readonly<Record<string, string>>

/** What label names look like, as in Prometheus. */
export const labelNamePattern = /^[a-zA-Z_][a-zA-Z0-9_]*$/

const fnvOffset = 0xcbf29ce484222325n
const fnvPrime = 0x100000001b3n
const mask64 = 0xffffffffffffffffn

/** Label names in the order that fingerprints and keys use. */
export function sortedNames(labels: Labels): string[] {
  return Object.keys(labels).sort(compareText)
}

/** Orders by code unit, as Go orders ASCII names. */
export function compareText(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0
}

/**
 * The identity of a label set as Alertmanager's API shows it: FNV-1a, 64 bits, over each sorted name and value followed by the byte
 * 0xFF, in 16 hexadecimal digits.
 */
export function fingerprintOf(labels: Labels): string {
  let hash = fnvOffset
  const add = (byte: number) => {
    hash = ((hash ^ BigInt(byte)) * fnvPrime) & mask64
  }
  for (const name of sortedNames(labels)) {
    for (const byte of Buffer.from(name)) add(byte)
    add(0xff)
    for (const byte of Buffer.from(labels[name]!)) add(byte)
    add(0xff)
  }
  return hash.toString(16).padStart(16, '0')
}

/** A text that is equal for equal label sets and differs otherwise: a map key. */
export function labelsKey(labels: Labels): string {
  return JSON.stringify(sortedNames(labels).map((name) => [name, labels[name]]))
}

/** `{a="x", b="y"}` in sorted order, values quoted as JSON strings: the form of Prometheus' label sets in texts. */
export function formatLabels(labels: Labels): string {
  return `{${sortedNames(labels)
    .map((name) => `${name}=${JSON.stringify(labels[name])}`)
    .join(', ')}}`
}

/** The label sets' common part: names that every set has with the same value. Empty for no sets. */
export function commonLabels(sets: readonly Labels[]): Labels {
  const [first, ...others] = sets
  if (first === undefined) return {}
  return Object.fromEntries(Object.entries(first).filter(([name, value]) => others.every((other) => other[name] === value)))
}
