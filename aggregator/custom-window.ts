import type { CustomSample, SampleSink } from './custom-metrics.ts'

export interface CustomWindowOptions {
  /** How long samples stay. */
  readonly windowMs: number
  /** What all series together may take. */
  readonly maxBytes: number
}

/** Whose metrics. */
export interface PodName {
  readonly namespace: string
  readonly pod: string
}

/** Samples of one series, oldest first; `timestamps[i]` (ms) belongs to `values[i]`. */
export interface CustomSeries {
  readonly labels: Readonly<Record<string, string>>
  readonly timestamps: Float64Array
  readonly values: Float64Array
}

/** Inclusive, ms. */
interface CustomRange {
  readonly since: number | undefined
  readonly until: number | undefined
}

interface Track {
  readonly labels: Readonly<Record<string, string>>
  /** Times and values in turns; in use from sample `begin` up to `end`. */
  data: Float64Array
  begin: number
  end: number
}

/** By name of the metric, then by the text of the labels. */
type PodTracks = Map<string, Map<string, Track>>

const firstSamples = 16
const bytesPerSample = 16
/** What a series costs beside its samples and the text of its labels. */
const trackOverheadBytes = 500
const sweepMs = 60_000

/**
 * The last samples of what pods export about themselves, as long as the memory window keeps everything else, in a memory of its own: no
 * application pushes out the figures of others. When that is full, new series are refused and counted, and known ones lose their oldest samples.
 */
export class CustomWindow implements SampleSink {
  readonly #options: CustomWindowOptions
  readonly #pods = new Map<string, PodTracks>()
  #bytes = 0
  #series = 0
  #refused = 0
  #sweptAt = -Infinity

  constructor(options: CustomWindowOptions) {
    this.#options = options
  }

  addCustomSamples(samples: readonly CustomSample[]): void {
    for (const sample of samples) {
      this.#sweep(sample.timestamp)
      const track = this.#trackOf(sample)
      if (track === undefined) this.#refused++
      else this.#append(track, sample)
    }
  }

  /** The names of what a pod exports, sorted. */
  names(pod: PodName): readonly string[] {
    return [...(this.#pods.get(keyOf(pod))?.keys() ?? [])].sort()
  }

  /** Every series of a metric of a pod; the range is inclusive, ms. */
  series(name: string, pod: PodName, range: Partial<CustomRange> = {}): readonly CustomSeries[] {
    const { since = -Infinity, until = Infinity } = range
    return [...(this.#pods.get(keyOf(pod))?.get(name)?.values() ?? [])].map(({ labels, data, begin, end }) => {
      const wanted: number[] = []
      for (let index = begin; index < end; index++) if (data[index * 2]! >= since && data[index * 2]! <= until) wanted.push(index)
      const timestamps = Float64Array.from(wanted, (index) => data[index * 2]!)
      return { labels, timestamps, values: Float64Array.from(wanted, (index) => data[index * 2 + 1]!) }
    })
  }

  /** Every series of a metric of all pods; the range is inclusive, ms. */
  *everywhere(name: string, range: Partial<CustomRange> = {}): Iterable<CustomSeries & { readonly pod: PodName }> {
    for (const [key, metrics] of this.#pods) {
      if (!metrics.has(name)) continue
      const slash = key.indexOf('/')
      const pod = { namespace: key.slice(0, slash), pod: key.slice(slash + 1) }
      for (const series of this.series(name, pod, range)) if (series.values.length > 0) yield { ...series, pod }
    }
  }

  /** What it holds, and how many samples had no room. */
  stats(): { readonly series: number; readonly bytes: number; readonly maxBytes: number; readonly refused: number } {
    return { series: this.#series, bytes: this.#bytes, maxBytes: this.#options.maxBytes, refused: this.#refused }
  }

  #trackOf({ namespace, pod, name, labels }: CustomSample): Track | undefined {
    const podKey = keyOf({ namespace, pod })
    const text = JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)))
    const known = this.#pods.get(podKey)?.get(name)?.get(text)
    if (known !== undefined) return known
    const bytes = costOf(text, firstSamples)
    if (this.#bytes + bytes > this.#options.maxBytes) return undefined
    const track: Track = { labels, data: new Float64Array(firstSamples * 2), begin: 0, end: 0 }
    const metrics: PodTracks = this.#pods.get(podKey) ?? new Map()
    const tracks = metrics.get(name) ?? new Map<string, Track>()
    this.#pods.set(podKey, metrics.set(name, tracks.set(text, track)))
    this.#bytes += bytes
    this.#series++
    return track
  }

  #append(track: Track, { timestamp, value }: CustomSample): void {
    if (track.end > track.begin && track.data[(track.end - 1) * 2]! >= timestamp) return
    const oldest = timestamp - this.#options.windowMs
    while (track.begin < track.end && track.data[track.begin * 2]! < oldest) track.begin++
    if (track.end * 2 === track.data.length) this.#makeRoom(track)
    track.data[track.end * 2] = timestamp
    track.data[track.end * 2 + 1] = value
    track.end++
  }

  /** Moves the samples to the front; where all are needed takes twice the memory, or, where there is none, gives up the oldest quarter. */
  #makeRoom(track: Track): void {
    const { data } = track
    const capacity = data.length / 2
    if (track.begin < capacity / 4) {
      const growth = capacity * bytesPerSample
      if (this.#bytes + growth <= this.#options.maxBytes) {
        track.data = new Float64Array(data.length * 2)
        this.#bytes += growth
      } else track.begin = capacity / 4
    }
    track.data.set(data.subarray(track.begin * 2, track.end * 2))
    track.end -= track.begin
    track.begin = 0
  }

  /** Now and then lets go of series whose last sample has left the window. */
  #sweep(now: number): void {
    if (now - this.#sweptAt < sweepMs) return
    this.#sweptAt = now
    const oldest = now - this.#options.windowMs
    for (const [podKey, metrics] of this.#pods) {
      for (const [name, tracks] of metrics) {
        for (const [text, { data, end }] of tracks) {
          if (data[(end - 1) * 2]! >= oldest) continue
          tracks.delete(text)
          this.#bytes -= costOf(text, data.length / 2)
          this.#series--
        }
        if (tracks.size === 0) metrics.delete(name)
      }
      if (metrics.size === 0) this.#pods.delete(podKey)
    }
  }
}

const keyOf = ({ namespace, pod }: PodName) => `${namespace}/${pod}`

const costOf = (text: string, samples: number) => samples * bytesPerSample + trackOverheadBytes + text.length * 2
