import { createServer } from 'node:net'
import { UsageError, type ClusterOptions } from '../options.ts'

/** Throws a `UsageError` that names the port and its flag when another program listens on one that the processes of the stack need. */
export async function checkPorts({ ports, nodes }: ClusterOptions): Promise<void> {
  const each = (flag: string, first: number) => Array.from({ length: nodes }, (_, index): [string, number] => [flag, first + index])
  const wanted: [string, number][] = [
    ['api-port', ports.api],
    ['aggregator-port', ports.aggregator],
    ['metrics-api-port', ports.metricsApi],
    ['alerts-port', ports.alerts],
    ['web-port', ports.web],
    ...each('node-agent-port', ports.nodeAgent),
    ...each('collector-port', ports.collector),
  ]
  for (const [flag, port] of wanted) await checkPort(flag, port)
}

/** Throws a `UsageError` that names the port and its flag when another program listens on it. */
export async function checkPort(flag: string, port: number): Promise<void> {
  if (port > 65_535) throw new UsageError(`--${flag}: with that many nodes it leads to port ${port}, and 65535 is the last one`)
  if (!(await isFree(port)))
    throw new UsageError(`port ${port} of 127.0.0.1 is in use by another program; choose another one with --${flag}`)
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(false))
    probe.listen({ port, host: '127.0.0.1' }, () => probe.close(() => resolve(true)))
  })
}
