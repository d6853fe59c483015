import { toTimestamp } from '../../../lib/clock.ts'
import type { Clock } from '../../../lib/clock.ts'
import type { Log } from '../../../lib/log.ts'
import { ephemeralClaimName } from '../../api/persistent-volumes.ts'
import type { CoreV1Pod, CoreV1Volume } from '../../api/generated/kinds.ts'
import type { VolumeFigures } from './disk-use.ts'

/** How old figures may be, as in the kubelet. */
const periodMs = 60_000
/** Of the time, measuring takes one part in this many at most: what is slow to measure is measured less often. */
const idleShare = 20

/** A volume in `/stats/summary`. */
interface VolumeStats extends VolumeFigures {
  readonly time: string
  readonly name: string
  readonly pvcRef?: { readonly namespace: string; readonly name: string }
}

export interface VolumeStatisticsOptions {
  readonly clock: Clock
  readonly log: Log
  readonly pods: () => Iterable<CoreV1Pod>
  /** `undefined` for a volume that nothing can be said of. */
  readonly measure: (pod: CoreV1Pod, volume: CoreV1Volume) => Promise<VolumeFigures | undefined>
}

/** How full the volumes of the node's pods are. Nothing is measured unless somebody asks: then what is known is told, and measured anew where it is old. */
export class VolumeStatistics {
  readonly #options: VolumeStatisticsOptions
  #byPod: ReadonlyMap<string, readonly VolumeStats[]> = new Map()
  #dueMs = -Infinity
  #measuring: Promise<void> | undefined

  constructor(options: VolumeStatisticsOptions) {
    this.#options = options
  }

  /** The summary with the volumes of its pods. */
  addTo(summary: unknown): unknown {
    this.#refresh()
    const { pods } = summary as { readonly pods?: readonly { readonly podRef?: { readonly uid?: string } }[] }
    if (this.#byPod.size === 0 || pods === undefined) return summary
    const withVolumes = pods.map((pod) => {
      const volume = this.#byPod.get(pod.podRef?.uid ?? '')
      return volume === undefined ? pod : { ...pod, volume }
    })
    return { ...(summary as object), pods: withVolumes }
  }

  /** The kubelet's metrics of claims, each claim once, in Prometheus' text format. */
  metrics(): string {
    this.#refresh()
    const claims = new Map<string, VolumeStats>()
    for (const volumes of this.#byPod.values())
      for (const volume of volumes) if (volume.pvcRef !== undefined) claims.set(`${volume.pvcRef.namespace}/${volume.pvcRef.name}`, volume)
    return gauges
      .map(({ name, help, value }) => {
        const samples = [...claims.values()].flatMap((claim) => {
          const amount = value(claim)
          const { namespace, name: claimName } = claim.pvcRef!
          // Names of objects need no escaping.
          return amount === undefined ? [] : [`${name}{namespace="${namespace}",persistentvolumeclaim="${claimName}"} ${amount}\n`]
        })
        return samples.length === 0 ? '' : `# HELP ${name} ${help}\n# TYPE ${name} gauge\n${samples.join('')}`
      })
      .join('')
  }

  /** Resolves when nothing is being measured. */
  async settled(): Promise<void> {
    await this.#measuring
  }

  #refresh(): void {
    const { clock } = this.#options
    const startedMs = clock.monotonic()
    if (this.#measuring !== undefined || startedMs < this.#dueMs) return
    this.#measuring = this.#measureAll().finally(() => {
      this.#measuring = undefined
      this.#dueMs = clock.monotonic() + Math.max(periodMs, (clock.monotonic() - startedMs) * idleShare)
    })
  }

  async #measureAll(): Promise<void> {
    const pods = [...this.#options.pods()]
    const measured = await Promise.all(pods.map((pod) => this.#measurePod(pod)))
    this.#byPod = new Map(pods.flatMap(({ metadata }, index) => (measured[index]!.length === 0 ? [] : [[metadata.uid!, measured[index]!]])))
  }

  async #measurePod(pod: CoreV1Pod): Promise<VolumeStats[]> {
    const { clock, log, measure } = this.#options
    const stats = await Promise.all(
      (pod.spec.volumes ?? []).map(async (volume): Promise<VolumeStats[]> => {
        try {
          const figures = await measure(pod, volume)
          const claim = claimOf(pod, volume)
          if (figures === undefined) return []
          return [{ time: toTimestamp(clock.now()), ...figures, name: volume.name, ...(claim === undefined ? {} : { pvcRef: claim }) }]
        } catch (error) {
          log.debug(
            { namespace: pod.metadata.namespace, name: pod.metadata.name, volume: volume.name, err: error },
            'a volume tells nothing',
          )
          return []
        }
      }),
    )
    return stats.flat()
  }
}

const gauges: readonly { readonly name: string; readonly help: string; readonly value: (figures: VolumeFigures) => number | undefined }[] =
  [
    { name: 'kubelet_volume_stats_available_bytes', help: 'Number of available bytes in the volume', value: (v) => v.availableBytes },
    { name: 'kubelet_volume_stats_capacity_bytes', help: 'Capacity in bytes of the volume', value: (v) => v.capacityBytes },
    { name: 'kubelet_volume_stats_inodes', help: 'Maximum number of inodes in the volume', value: (v) => v.inodes },
    { name: 'kubelet_volume_stats_inodes_free', help: 'Number of free inodes in the volume', value: (v) => v.inodesFree },
    { name: 'kubelet_volume_stats_inodes_used', help: 'Number of used inodes in the volume', value: (v) => v.inodesUsed },
    { name: 'kubelet_volume_stats_used_bytes', help: 'Number of used bytes in the volume', value: (v) => v.usedBytes },
  ]

function claimOf({ metadata }: CoreV1Pod, { name, persistentVolumeClaim, ephemeral }: CoreV1Volume): VolumeStats['pvcRef'] {
  if (persistentVolumeClaim === undefined && ephemeral === undefined) return undefined
  return { namespace: metadata.namespace!, name: persistentVolumeClaim?.claimName ?? ephemeralClaimName(metadata.name!, name) }
}
