import Docker from 'dockerode'

/** A `dockerode` client of `unix:///path`, `tcp://host:port` or `http(s)://host:port`. */
export function connectDocker(url: string): Docker {
  if (url.startsWith('unix://')) return new Docker({ socketPath: url.slice('unix://'.length) })
  const { protocol, hostname, port } = new URL(url.replace(/^tcp:/, 'http:'))
  return new Docker({ protocol: protocol === 'https:' ? 'https' : 'http', host: hostname, port: Number(port === '' ? 2375 : port) })
}
