import type { LogBatch, LogOrigin } from '../log-batch.ts'

/** A pod's container, for tests and benchmarks. */
export function fakeOrigin(container = 'app', more: Partial<LogOrigin> = {}): LogOrigin {
  return {
    id: `docker/${container}`,
    kind: 'container',
    node: 'n1',
    namespace: 'default',
    pod: 'web-1',
    podUid: '0c0ffee0-0000-4000-a000-000000000001',
    container,
    containerId: `${container}0123`,
    image: 'example/web:1',
    owner: { kind: 'Deployment', name: 'web' },
    labels: { app: 'web', 'app.kubernetes.io/name': 'web' },
    annotations: {},
    ...more,
  }
}

export interface FakeBatchOptions {
  readonly file?: string
  readonly origin?: LogOrigin
  /** Where the first line begins in its file; each following one begins behind the one before. */
  readonly from?: number
  /** ns since the epoch, the same for all. */
  readonly time?: bigint
  readonly fields?: LogBatch['fields']
}

/** Lines as a reader hands them over. */
export function fakeBatch(texts: readonly string[], options: FakeBatchOptions = {}): LogBatch {
  const { file = 'file-1', origin = fakeOrigin(), from = 0, time = 1_763_716_472_123_456_789n, fields } = options
  const text = Buffer.from(texts.join(''))
  const ends = new Uint32Array(texts.length)
  const positions = new Float64Array(texts.length)
  let [end, position] = [0, from]
  for (const [index, line] of texts.entries()) {
    positions[index] = position
    end += Buffer.byteLength(line)
    ends[index] = end
    position += Buffer.byteLength(line) + 1
  }
  return {
    origin,
    file,
    count: texts.length,
    text,
    ends,
    times: new BigInt64Array(texts.length).fill(time),
    positions,
    nextPosition: position,
    levels: new Uint8Array(texts.length).fill(3),
    streams: Uint8Array.from(texts, (_, index) => index % 2),
    fields,
  }
}
