import { createServer as createHttpServer } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo, Server } from 'node:net'
import { createFakeSummary } from '../../aggregator/fake-cluster.ts'
import { systemClock } from '../../lib/clock.ts'
import { nodeName, simulatePods } from './simulated-cluster.ts'
import type { ClusterSize, Credentials } from './simulated-cluster.ts'

/**
 * A process of its own: every kubelet of a simulated cluster (an HTTPS listener each, client certificates required)
 * and an InfluxDB that takes every write and keeps nothing. Says on its channel where they listen.
 */
process.once('message', async ({ size, credentials }: { readonly size: ClusterSize; readonly credentials: Credentials }) => {
  const { ca, server } = credentials
  const kubeletPorts: number[] = []
  for (let index = 0; index < size.nodes; index++) {
    const pods = simulatePods(index, size.podsPerNode)
    const kubelet = createServer({ ...server, ca, requestCert: true, rejectUnauthorized: true }, (_, response) => {
      const now = systemClock.now()
      const uses = pods.map((pod) => ({ pod, cpuNanoseconds: (now % 1e9) * 1e5 }))
      response.end(JSON.stringify(createFakeSummary(nodeName(index), now, uses)))
    })
    // Node's five seconds would end every connection between two scrapes; a kubelet's stay.
    kubelet.keepAliveTimeout = 120_000
    kubeletPorts.push(await listen(kubelet))
  }
  let bytes = 0
  const influx = createHttpServer((request, response) => {
    request.on('data', (chunk: Buffer) => (bytes += chunk.length))
    request.on('end', () => {
      const isWrite = request.url!.startsWith('/write')
      response.writeHead(isWrite ? 204 : 200, { 'content-type': 'application/json' })
      response.end(isWrite ? undefined : '{"results":[{"statement_id":0}]}')
    })
  })
  process.send!({ kubeletPorts, influxPort: await listen(influx) })
  process.on('message', () => process.send!({ influxBytes: bytes }))
})
process.once('disconnect', () => process.exit(0))

function listen(server: Server): Promise<number> {
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port)))
}
