/** A count or a share of a whole, as `maxSurge: 1` or `maxSurge: 25%`. */
export type IntOrString = number | string

/**
 * The number that a count or a percentage of `total` stands for, rounded up or down; `undefined` where the text is no percentage.
 * As apimachinery's `GetScaledValueFromIntOrPercent`.
 */
export function scaledValue(value: IntOrString, total: number, rounding: 'up' | 'down'): number | undefined {
  if (typeof value === 'number') return value
  const match = /^(\d+)%$/.exec(value)
  if (match === null) return undefined
  const share = (Number(match[1]) * total) / 100
  return rounding === 'up' ? Math.ceil(share) : Math.floor(share)
}

/** The numeric port of a container port reference: the number itself, or the port named so. */
export function resolvePort(
  port: IntOrString,
  named: readonly { readonly name?: string; readonly containerPort: number }[],
): number | undefined {
  if (typeof port === 'number') return port
  const found = named.find((candidate) => candidate.name === port)
  if (found !== undefined) return found.containerPort
  return /^\d+$/.test(port) ? Number(port) : undefined
}
