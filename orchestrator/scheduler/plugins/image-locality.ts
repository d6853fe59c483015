import { maxNodeScore } from '../framework.ts'
import type { Plugin } from '../framework.ts'
import { normalizeImage } from '../node-info.ts'

const mebibyte = 1024 * 1024
/** Below this size of images an existing copy isn't worth anything; above the maximum (per container) more doesn't count. As upstream. */
const minBytes = 23 * mebibyte
const maxBytesPerContainer = 1000 * mebibyte

interface WantedImage {
  readonly name: string
  /** The share of nodes that have it: what everybody has doesn't tell nodes apart, what one has must not draw every pod there. */
  readonly spread: number
}

/** Prefers nodes that have the pod's images already, in proportion to their size and to how many nodes have them. */
export const imageLocality: Plugin<readonly WantedImage[]> = {
  name: 'ImageLocality',
  weight: 1,
  preFilter: ({ spec }, snapshot) => {
    const names = [...(spec.initContainers ?? []), ...spec.containers].map(({ image = '' }) => normalizeImage(image))
    const images = names.map((name) => ({ name, spread: snapshot.nodesWithImage(name) / snapshot.nodes.length }))
    return images.some(({ spread }) => spread > 0) ? images : undefined
  },
  score: (_pod, { images }, wanted) => {
    let bytes = 0
    for (const { name, spread } of wanted) bytes += Math.trunc((images.get(name) ?? 0) * spread)
    const maxBytes = maxBytesPerContainer * wanted.length
    return Math.trunc((maxNodeScore * (Math.min(Math.max(bytes, minBytes), maxBytes) - minBytes)) / (maxBytes - minBytes))
  },
}
