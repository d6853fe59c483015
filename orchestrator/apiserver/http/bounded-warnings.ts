/** Upstream's bounds of what an answer's headers carry. */
const maxTotalLength = 4096
const maxItemLength = 256

/** Each warning once. Too much of them in all, and each is cut; what still does not fit is left out. */
export function boundedWarnings(warnings: readonly string[]): string[] {
  const once = [...new Set(warnings)]
  if (lengthOf(once) <= maxTotalLength) return once
  let length = 0
  const fitting: string[] = []
  for (const warning of once) {
    if (length >= maxTotalLength) break
    const cut = warning.slice(0, maxItemLength)
    fitting.push(cut)
    length += cut.length
  }
  return fitting
}

const lengthOf = (texts: readonly string[]) => texts.reduce((total, { length }) => total + length, 0)
