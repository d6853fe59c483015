/** Longest tag value in UTF-16 units; longer ones are cut. InfluxDB refuses keys over 64 KiB, all tags of a point together. */
const maxTagValueLength = 1024
const maxTagKeyLength = 256
/** A tag of labels may be longer. */
const maxLabelsLength = 8192
/** InfluxDB refuses string fields over 64 KiB. */
const maxStringLength = 16_000

/** `,key=value` for every tag, sorted by key; tags with an empty value are left out. */
export function encodeTags(tags: Readonly<Record<string, string>>): string {
  let text = ''
  for (const name of Object.keys(tags).sort()) {
    const value = storedTagValue(name, tags[name]!)
    if (value !== '') text += `,${escapeKey(cleanTagValue(name, maxTagKeyLength))}=${escapeKey(value)}`
  }
  return text
}

/** The value under which a tag's value is found in InfluxDB. */
export function storedTagValue(name: string, value: string): string {
  return cleanTagValue(value, name === 'labels' ? maxLabelsLength : maxTagValueLength)
}

/**
 * The nearest tag value that the line protocol can carry: control characters and line ends as spaces, lone surrogates as U+FFFD, cut to
 * `maxLength`, a space after a backslash at the end, which would swallow the separator behind it, and an even number of backslashes before a comma, an
 * equals sign or a space: where InfluxDB looks for the ends of lines it takes them in pairs, so that one too few would bare what is escaped behind it.
 */
export function cleanTagValue(value: string, maxLength: number): string {
  const clean = value.slice(0, maxLength).toWellFormed().replaceAll(unprintable, ' ')
  const ended = clean.endsWith('\\') ? `${clean} ` : clean
  return ended.replaceAll(unpaired, '$&\\')
}

/** A string field in its quotes. Control characters become spaces, so that a line stays a line; what is too long is cut. */
export function quoteString(text: string): string {
  return `"${text.slice(0, maxStringLength).toWellFormed().replaceAll(unprintable, ' ').replaceAll(/["\\]/g, '\\$&')}"`
}

/** An odd number of backslashes before something that is escaped. */
const unpaired = /(?<!\\)(?:\\\\)*\\(?=[,= ])/g

/** Control characters (Unicode's Cc) and the two line separators beyond them. */
const unprintable = /[\p{Cc}\u2028\u2029]/gu

/** A cleaned tag key, tag value or field key. */
export function escapeKey(text: string): string {
  return text.replaceAll(/[,= ]/g, '\\$&')
}

/** A cleaned measurement. */
export function escapeMeasurement(name: string): string {
  return name.replaceAll(/[, ]/g, '\\$&')
}
