/** Millicores as people say them: `0.4m`, `250m`, `1.5`. */
export function formatCpu(millicores: number | null | undefined): string {
  if (millicores == null) return '–'
  if (millicores < 10) return `${Number(millicores.toFixed(1))}m`
  return millicores < 1000 ? `${Math.round(millicores)}m` : (millicores / 1000).toFixed(2).replace(/\.?0+$/, '')
}

const byteUnits = ['B', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi']

/** Bytes in powers of 1024: `12 Mi`. */
export function formatBytes(bytes: number | null | undefined): string {
  if (bytes == null) return '–'
  let value = Math.abs(bytes)
  let unit = 0
  while (value >= 1024 && unit < byteUnits.length - 1) {
    value /= 1024
    unit++
  }
  return `${bytes < 0 ? '-' : ''}${value >= 100 || unit === 0 ? Math.round(value) : value.toFixed(1)} ${byteUnits[unit]}`
}

/** Milliseconds as the largest two units: `3m 5s`. */
export function formatAge(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000))
  if (seconds < 60) return `${seconds}s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes}m ${seconds % 60}s`
  const hours = Math.floor(minutes / 60)
  return hours < 48 ? `${hours}h ${minutes % 60}m` : `${Math.floor(hours / 24)}d ${hours % 24}h`
}

/** A share as a whole percentage, `–` where there is nothing to be a share of. */
export function formatShare(part: number | null, whole: number | null): string {
  return part === null || whole === null || whole === 0 ? '–' : `${Math.round((100 * part) / whole)}%`
}

/** Bytes per second. */
export function formatRate(value: number | null | undefined): string {
  return value == null ? '–' : `${formatBytes(value)}/s`
}

/** A percentage as it is measured: `0.3 %`. */
export function formatPercent(value: number | null | undefined): string {
  return value == null ? '–' : `${value >= 10 ? Math.round(value) : Number(value.toFixed(1))} %`
}

/** How often per second. */
export function formatPerSecond(value: number | null | undefined): string {
  return value == null ? '–' : `${formatCount(value)}/s`
}

/** A number of things, in thousands and millions where there are many. */
export function formatCount(value: number | null | undefined): string {
  if (value == null) return '–'
  if (Math.abs(value) >= 1e6) return `${Number((value / 1e6).toFixed(1))} M`
  if (Math.abs(value) >= 1e4) return `${Number((value / 1e3).toFixed(1))} k`
  return String(Number(value.toFixed(value < 10 ? 2 : 0)))
}

/** A figure in a unit of the metric catalogue. */
export function formatIn(unit: string, value: number): string {
  switch (unit) {
    case 'bytes':
      return formatBytes(value)
    case 'bytes per second':
      return formatRate(value)
    case 'millicores':
      return formatCpu(value)
    case 'milliseconds':
      return value < 10_000 ? `${formatCount(value)} ms` : formatAge(value)
    default:
      return formatCount(value)
  }
}
