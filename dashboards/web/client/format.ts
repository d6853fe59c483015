/** Millicores as people say them: `250m`, `1.5`. */
export function formatCpu(millicores: number | null): string {
  if (millicores === null) return '–'
  return millicores < 1000 ? `${Math.round(millicores)}m` : (millicores / 1000).toFixed(2).replace(/\.?0+$/, '')
}

const byteUnits = ['B', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi']

/** Bytes in powers of 1024: `12 Mi`. */
export function formatBytes(bytes: number | null): string {
  if (bytes === null) return '–'
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
