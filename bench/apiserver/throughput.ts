import { readFileSync } from 'node:fs'
import { Agent, request } from 'node:https'
import { parse } from 'yaml'
import { startCluster } from '../../test/support/cluster.ts'
import { percentile, type Measurement } from '../measurement.ts'

const clients = 64
const creates = 20_000
const gets = 40_000
const listed = 10_000
const listRounds = 5

interface Kubeconfig {
  readonly clusters: readonly { readonly cluster: { readonly server: string; readonly 'certificate-authority-data': string } }[]
  readonly users: readonly { readonly user: { readonly 'client-certificate-data': string; readonly 'client-key-data': string } }[]
}

/** Durable creates, reads and lists over HTTPS with client certificates; the load generator shares the machine's cores. */
export async function measureApiServer(): Promise<Measurement[]> {
  const cluster = await startCluster(['--runtime=simulated', '--influxdb=none'], 90)
  try {
    const send = createSender(`${cluster.dataDir}/kubeconfig`)
    const create = await inParallel(creates, (index) =>
      send('POST', '/api/v1/namespaces/default/configmaps', {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: `bench-${index}` },
        data: { text: 'x'.repeat(700) },
      }),
    )
    const get = await inParallel(gets, (index) => send('GET', `/api/v1/namespaces/default/configmaps/bench-${index % creates}`))
    const lists: number[] = []
    for (let round = 0; round < listRounds; round++) {
      const startedAt = performance.now()
      const bytes = await send('GET', `/api/v1/namespaces/default/configmaps?limit=${listed}`)
      lists.push(bytes / 1e6 / ((performance.now() - startedAt) / 1000))
    }
    return [
      {
        what: `durable create, ${clients} clients`,
        value: `${rate(creates, create.seconds)}/s, p99 ${percentile(create.latencies, 0.99).toFixed(1)} ms`,
        aim: '≥ 8,000/s, p99 ≤ 20 ms',
      },
      {
        what: `GET, ${clients} clients`,
        value: `${rate(gets, get.seconds)}/s, p99 ${percentile(get.latencies, 0.99).toFixed(1)} ms`,
        aim: '≥ 20,000/s, p99 ≤ 20 ms',
      },
      { what: `LIST of ${listed} objects, one stream`, value: `${percentile(lists, 0.5).toFixed(0)} MB/s`, aim: '≥ 300 MB/s' },
    ]
  } finally {
    await cluster.remove()
  }
}

function rate(count: number, seconds: number): string {
  return Math.round(count / seconds).toLocaleString('en')
}

async function inParallel(count: number, call: (index: number) => Promise<unknown>): Promise<{ seconds: number; latencies: number[] }> {
  const latencies: number[] = []
  let next = 0
  const startedAt = performance.now()
  await Promise.all(
    Array.from({ length: clients }, async () => {
      while (next < count) {
        const index = next++
        const sentAt = performance.now()
        await call(index)
        latencies.push(performance.now() - sentAt)
      }
    }),
  )
  return { seconds: (performance.now() - startedAt) / 1000, latencies }
}

/** Resolves with the number of bytes of the answer; rejects for anything but 200 and 201. */
function createSender(kubeconfig: string): (method: string, path: string, body?: object) => Promise<number> {
  const { clusters, users } = parse(readFileSync(kubeconfig, 'utf8')) as Kubeconfig
  const decode = (text: string) => Buffer.from(text, 'base64')
  const agent = new Agent({
    keepAlive: true,
    maxSockets: clients,
    ca: decode(clusters[0]!.cluster['certificate-authority-data']),
    cert: decode(users[0]!.user['client-certificate-data']),
    key: decode(users[0]!.user['client-key-data']),
  })
  const { hostname, port } = new URL(clusters[0]!.cluster.server)
  return (method, path, body) =>
    new Promise((resolve, reject) => {
      const text = body === undefined ? undefined : JSON.stringify(body)
      const headers = text === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }
      const sent = request({ agent, host: hostname, port, method, path, headers }, (response) => {
        let bytes = 0
        response.on('data', (chunk: Buffer) => (bytes += chunk.length))
        response.on('end', () =>
          response.statusCode! < 300 ? resolve(bytes) : reject(new Error(`${method} ${path}: ${response.statusCode}`)),
        )
        response.on('error', reject)
      })
      sent.on('error', reject)
      sent.end(text)
    })
}
