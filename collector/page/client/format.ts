const byteUnits = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']

/** Bytes in powers of 1024. */
export function formatBytes(bytes: number | null | undefined): string {
  if (bytes == null) return '–'
  let value = bytes
  let unit = 0
  while (value >= 1024 && unit < byteUnits.length - 1) {
    value /= 1024
    unit++
  }
  return `${value >= 100 || unit === 0 ? Math.round(value) : value.toFixed(1)} ${byteUnits[unit]}`
}

export function formatBytesPerSecond(bytes: number | null | undefined): string {
  return bytes == null ? '–' : `${formatBytes(bytes)}/s`
}

export function formatCores(cores: number | null | undefined): string {
  if (cores == null) return '–'
  if (cores < 0.0005) return cores > 0 ? '<0.001' : '0'
  return cores >= 10 ? cores.toFixed(1) : cores >= 0.1 ? cores.toFixed(2) : cores.toFixed(3)
}

export function formatPercent(percent: number | null | undefined): string {
  if (percent == null) return '–'
  return `${percent >= 10 || percent === 0 ? Math.round(percent) : percent.toFixed(1)} %`
}

export function formatCount(value: number | null | undefined): string {
  if (value == null) return '–'
  return value >= 10 || Number.isInteger(value) ? Math.round(value).toLocaleString('en') : value.toFixed(1)
}

export function formatAge(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000))
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min`
  const hours = Math.floor(minutes / 60)
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d`
}
