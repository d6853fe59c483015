import type { LogBatch, LogOrigin } from '../log-batch.ts'

/** An origin for tests. */
export function originOf(name: string, more: Partial<LogOrigin> = {}): LogOrigin {
  return {
    id: `docker/${name}`,
    kind: 'container',
    node: 'node-a',
    namespace: 'default',
    pod: name,
    podUid: `uid-${name}`,
    container: 'main',
    containerId: name,
    image: 'image',
    owner: undefined,
    labels: { app: name },
    annotations: {},
    ...more,
  }
}

export interface TestLine {
  readonly time: bigint
  readonly text: string
  readonly position: number
  readonly level?: number
}

/** A batch of lines; each takes a byte more than its text in the file. */
export function batchOf(origin: LogOrigin, lines: readonly TestLine[], file = `file-${origin.pod}`): LogBatch {
  const texts = lines.map(({ text }) => Buffer.from(text))
  let end = 0
  const last = lines.at(-1)!
  return {
    origin,
    file,
    count: lines.length,
    text: Buffer.concat(texts),
    ends: Uint32Array.from(texts, ({ length }) => (end += length)),
    times: BigInt64Array.from(lines, ({ time }) => time),
    positions: Float64Array.from(lines, ({ position }) => position),
    nextPosition: last.position + texts.at(-1)!.length + 1,
    levels: Uint8Array.from(lines, ({ level = 0 }) => level),
    streams: new Uint8Array(lines.length),
    fields: undefined,
  }
}
