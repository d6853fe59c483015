import { createServer } from 'node:net'
import { UsageError, type ClusterOptions } from '../options.ts'

/** Throws a `UsageError` that names the port and its flag when two parts of the stack want it, or when another program listens on it. */
export async function checkPorts(options: ClusterOptions): Promise<void> {
  await checkBindAddress(options)
  const wanted = wantedPorts(options)
  checkClashes(options, wanted)
  for (const [flag, port] of wanted) if (flag !== 'influxdb-port') await checkPort(flag, port)
}

/** Each port with its flag. That of InfluxDB is probed where it is started: one that answers there is used. */
function wantedPorts({ ports, nodes, influxdb, server }: ClusterOptions): readonly (readonly [flag: string, port: number])[] {
  const each = (flag: string, first: number) => Array.from({ length: nodes }, (_, index): [string, number] => [flag, first + index])
  const ofNodes = [...each('node-agent-port', ports.nodeAgent), ...each('collector-port', ports.collector)] as const
  if (server !== undefined) return ofNodes
  return [
    ['api-port', ports.api],
    ['aggregator-port', ports.aggregator],
    ['metrics-api-port', ports.metricsApi],
    ['alerts-port', ports.alerts],
    ['web-port', ports.web],
    ...(influxdb === undefined ? ([['influxdb-port', ports.influxdb]] as const) : []),
    ...ofNodes,
  ]
}

function checkClashes({ nodes }: ClusterOptions, wanted: ReturnType<typeof wantedPorts>): void {
  const owners = new Map<number, string>()
  for (const [flag, port] of wanted) {
    const owner = owners.get(port)
    if (owner !== undefined) {
      const first = wanted.find(([name]) => name === flag)![1]
      const range =
        ['node-agent-port', 'collector-port'].includes(flag) && nodes > 1 ? ` (${nodes} nodes take ${first} to ${first + nodes - 1})` : ''
      throw new UsageError(`port ${port} is wanted by --${owner} and by --${flag}${range}`)
    }
    owners.set(port, flag)
  }
}

/** Throws a `UsageError` that names the port and its flag when another program listens on it. */
export async function checkPort(flag: string, port: number): Promise<void> {
  if (port > 65_535) throw new UsageError(`--${flag}: with that many nodes it leads to port ${port}, and 65535 is the last one`)
  if (!(await isFree(port)))
    throw new UsageError(`port ${port} of 127.0.0.1 is in use by another program; choose another one with --${flag}`)
}

/** An address to listen on has to be this machine's. */
function checkBindAddress({ bindAddress }: ClusterOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', () =>
      reject(
        new UsageError(
          `--bind-address: ${JSON.stringify(bindAddress)} is not an address of this machine; give it, or --advertise-address, one that is`,
        ),
      ),
    )
    probe.listen({ port: 0, host: bindAddress }, () => probe.close(() => resolve()))
  })
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(false))
    probe.listen({ port, host: '127.0.0.1' }, () => probe.close(() => resolve(true)))
  })
}
