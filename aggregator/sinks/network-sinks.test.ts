import { gunzipSync } from 'node:zlib'
import { describeNetworkSink, openHttpReceiver, openTcpReceiver } from './network-sink.contract.ts'
import { decompressSnappy, readLabels, splitSeries } from './remote-write-reader.ts'

const sanitized = (name: string) => `.${name.replaceAll(/[^a-zA-Z0-9_-]/g, '_')}.`

describeNetworkSink('Graphite', {
  open: () => openTcpReceiver((address) => `graphite:tcp://${address}?prefix=k8s`),
  shownName: sanitized,
  tellsRefusals: false,
})

describeNetworkSink('webhook', {
  open: () =>
    openHttpReceiver(
      (url) => `webhook:${url}/hook?token=secret`,
      (body, request) => {
        if (request.headers.authorization !== 'Bearer secret') return { status: 401, taken: [] }
        const { cluster, items } = JSON.parse(body.toString()) as { cluster: string; items: readonly { labels: object }[] }
        return cluster === 'c' ? { taken: items.map(({ labels }) => JSON.stringify(labels)) } : { status: 400, taken: [] }
      },
    ),
  shownName: (name) => `"pod_name":${JSON.stringify(name)}`,
  tellsRefusals: false,
})

describeNetworkSink('Elasticsearch', {
  open: () => {
    const stored = new Map<string, string>()
    return openHttpReceiver(
      (url) => `elasticsearch:${url}?index=heapster&user=u&pw=p`,
      (body, _, isRefused) => {
        const lines = gunzipSync(body).toString().split('\n').slice(0, -1)
        const taken: string[] = []
        const items = Array.from({ length: lines.length / 2 }, (_, index) => {
          const { _id: id } = (JSON.parse(lines[index * 2]!) as { index: { _id: string } }).index
          const text = lines[index * 2 + 1]!
          JSON.parse(text)
          if (isRefused(text)) return { index: { _id: id, status: 400, error: { type: 'mapper_parsing_exception' } } }
          // Every third document finds the queue full the first time.
          if (index % 3 === 0 && !stored.has(id)) {
            stored.set(id, '')
            return { index: { _id: id, status: 429, error: { type: 'es_rejected_execution_exception' } } }
          }
          if (stored.get(id) !== text) taken.push(text)
          stored.set(id, text)
          return { index: { _id: id, status: 201 } }
        })
        return { body: JSON.stringify({ errors: items.some(({ index }) => index.status >= 300), items }), taken }
      },
    )
  },
  shownName: (name) => `"pod_name":${JSON.stringify(name)}`,
  tellsRefusals: true,
})

describeNetworkSink('remote-write', {
  open: () =>
    openHttpReceiver(
      (url) => `remote-write:${url}/api/v1/write`,
      (body, request, isRefused) => {
        if (request.headers['content-encoding'] !== 'snappy') return { status: 415, taken: [] }
        const series = splitSeries(decompressSnappy(body)).map((one) => JSON.stringify(readLabels(one)))
        // As Prometheus: one bad sample, and nothing of the request is taken.
        return series.some(isRefused) ? { status: 400, body: 'out of order sample', taken: [] } : { status: 204, taken: series }
      },
    ),
  shownName: (name) => JSON.stringify(['pod_name', name]),
  tellsRefusals: true,
})
