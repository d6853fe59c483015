import type Docker from 'dockerode'
import { loadDockerode } from '../../lib/dockerode.ts'

/** A `dockerode` client of `unix:///path`, `tcp://host:port` or `http(s)://host:port`. */
export function connectDocker(url: string): Docker {
  const Engine = loadDockerode()
  if (url.startsWith('unix://')) return new Engine({ socketPath: url.slice('unix://'.length) })
  const { protocol, hostname, port } = new URL(url.replace(/^tcp:/, 'http:'))
  return new Engine({ protocol: protocol === 'https:' ? 'https' : 'http', host: hostname, port: Number(port === '' ? 2375 : port) })
}
