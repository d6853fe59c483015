import type { ClusterEvent } from '../events.ts'
import type { PointEncoder } from './encoded-sink.ts'
import type { Point } from './points.ts'
import type { Payload } from '../../lib/delivery/spool.ts'

/** What a text encoding makes of points and events; without a text there is no place for the item, and nothing is counted. */
export interface TextForm {
  readonly point: (point: Point) => string
  readonly event?: (event: ClusterEvent) => string
  /** Makes the body of the texts. */
  readonly join: (texts: readonly string[]) => string
}

/** Gathers a text per item. */
export function createTextEncoder({ point: formatPoint, event: formatEvent, join }: TextForm): PointEncoder {
  let texts: string[] = []
  return {
    get items() {
      return texts.length
    },
    addPoint: (point) => void texts.push(formatPoint(point)),
    ...(formatEvent === undefined ? {} : { addEvent: (event: ClusterEvent) => void texts.push(formatEvent(event)) }),
    take: (): Payload => {
      const payload = { body: Buffer.from(texts.length === 0 ? '' : join(texts)), items: texts.length }
      texts = []
      return payload
    },
  }
}
