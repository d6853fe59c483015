import type { CustomSample } from '../custom-metrics.ts'
import type { ClusterEvent } from '../events.ts'
import type { Batch } from '../metric-set.ts'
import { createDelivery } from './create-delivery.ts'
import type { Delivery, DeliveryOptions } from './delivery.ts'
import type { PayloadEncoder } from './destination.ts'
import { pointOfSample, pointsOf } from './points.ts'
import type { Point } from './points.ts'
import type { Sink, SinkContext, SinkStats } from './sink.ts'

/** Gathers points, and events where the protocol has a place for them. */
export interface PointEncoder extends PayloadEncoder {
  /** Must not throw for what is in a point. */
  addPoint(point: Point): void
  addEvent?(event: ClusterEvent): void
}

export interface EncodedSinkOptions extends Pick<DeliveryOptions, 'destination' | 'compress' | 'concurrency'> {
  readonly encoder: PointEncoder
  /** A payload is sent when it has so many points. */
  readonly pointsPerRequest: number
}

/** A sink that is an encoding and a destination: points go through the one to the other, kept by a delivery on the way. */
export function createEncodedSink(name: string, context: SinkContext, options: EncodedSinkOptions): Sink {
  const { encoder, pointsPerRequest } = options
  const delivery = createDelivery(name, context, options)
  const addEvent = encoder.addEvent?.bind(encoder)
  const addAll = <T>(items: Iterable<T>, add: (item: T) => void) => {
    if (delivery.isStopping) return
    for (const item of items) {
      add(item)
      if (encoder.items >= pointsPerRequest) delivery.seal()
    }
    delivery.sealSoon()
  }
  return {
    name,
    add: (batch: Batch) => addAll(pointsOf(batch), (point) => encoder.addPoint(point)),
    ...(addEvent === undefined ? {} : { addEvents: (events: readonly ClusterEvent[]) => addAll(events, addEvent) }),
    addCustomSamples: (samples: readonly CustomSample[]) => addAll(samples, (sample) => encoder.addPoint(pointOfSample(sample))),
    ...lifeOf(delivery),
  }
}

function lifeOf(delivery: Delivery): {
  readonly start: () => Promise<void>
  readonly stop: () => Promise<void>
  readonly stats: () => SinkStats
} {
  return { start: () => delivery.start(), stop: () => delivery.stop(), stats: () => delivery.stats() }
}
