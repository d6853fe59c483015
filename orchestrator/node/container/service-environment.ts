import type { CoreV1Service } from '../../api/generated/kinds.ts'

/**
 * The variables that tell a container where services are: `REDIS_SERVICE_HOST`, `REDIS_SERVICE_PORT`, one `REDIS_SERVICE_PORT_<NAME>` per
 * named port, and the Docker-link style ones. Headless services and those without an address give none.
 */
export function serviceEnvironment(services: Iterable<CoreV1Service>): Map<string, string> {
  const environment = new Map<string, string>()
  for (const service of services) {
    const { clusterIP, ports = [] } = service.spec
    if (clusterIP === undefined || clusterIP === '' || clusterIP === 'None' || ports.length === 0) continue
    const prefix = variableName(service.metadata.name!)
    environment.set(`${prefix}_SERVICE_HOST`, clusterIP)
    environment.set(`${prefix}_SERVICE_PORT`, String(ports[0]!.port))
    for (const port of ports) {
      if (port.name !== undefined && port.name !== '')
        environment.set(`${prefix}_SERVICE_PORT_${variableName(port.name)}`, String(port.port))
    }
    for (const [index, port] of ports.entries()) {
      const protocol = port.protocol ?? 'TCP'
      const url = `${protocol.toLowerCase()}://${hostOf(clusterIP)}:${port.port}`
      const portPrefix = `${prefix}_PORT_${port.port}_${protocol}`
      if (index === 0) environment.set(`${prefix}_PORT`, url)
      environment.set(portPrefix, url)
      environment.set(`${portPrefix}_PROTO`, protocol.toLowerCase())
      environment.set(`${portPrefix}_PORT`, String(port.port))
      environment.set(`${portPrefix}_ADDR`, clusterIP)
    }
  }
  return environment
}

const variableName = (name: string) => name.replaceAll('-', '_').toUpperCase()
const hostOf = (ip: string) => (ip.includes(':') ? `[${ip}]` : ip)
