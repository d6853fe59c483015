const goWords: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connect: connection refused',
  EHOSTUNREACH: 'connect: no route to host',
  ENETUNREACH: 'connect: network is unreachable',
  ETIMEDOUT: 'i/o timeout',
}

/** Clients and people know these messages in the words of the Go library. */
export function dialError(error: Error, host: string, port: number | string): string {
  const { code } = error as { code?: string }
  const words = code === undefined ? undefined : goWords[code]
  if (words !== undefined) return `dial tcp ${host.includes(':') ? `[${host}]` : host}:${port}: ${words}`
  return code === 'ECONNRESET' ? 'EOF' : error.message
}
