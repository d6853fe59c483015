const unitBytes: Readonly<Record<string, number>> = {
  '': 1,
  B: 1,
  k: 1e3,
  kB: 1e3,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  Ki: 2 ** 10,
  KiB: 2 ** 10,
  Mi: 2 ** 20,
  MiB: 2 ** 20,
  Gi: 2 ** 30,
  GiB: 2 ** 30,
  Ti: 2 ** 40,
  TiB: 2 ** 40,
}

/** What `parseByteSize` takes, for error messages. */
export const byteSizeForm = 'a size such as 64MiB, 10MB or 4096'

/** Bytes of a size with a decimal or binary unit (`10MB`, `64MiB`, `64Mi`, a bare number), or `undefined` if it is none. */
export function parseByteSize(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s?([A-Za-z]*)$/.exec(text)
  const unit = unitBytes[match?.[2] ?? 'none']
  if (match === null || unit === undefined) return undefined
  const bytes = Math.round(Number(match[1]) * unit)
  return Number.isSafeInteger(bytes) ? bytes : undefined
}
