/** More entries than this are counted, not shown. */
const maxShown = 3

/** The first entries of a list and the number of the rest: `a,b,c + 2 more...`. */
export function shorten(texts: readonly string[], separator = ','): string {
  const shown = texts.slice(0, maxShown).join(separator)
  return texts.length > maxShown ? `${shown} + ${texts.length - maxShown} more...` : shown
}
