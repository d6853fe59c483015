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
export const imageLocality: Plugin<never, readonly WantedImage[]> = {
  name: 'ImageLocality',
  preScore: ({ spec }, snapshot) => {
    let isAnywhere = false
    const wanted = (image: string | undefined): WantedImage => {
      const name = normalizeImage(image ?? '')
      const spread = snapshot.nodesWithImage(name) / snapshot.nodes.length
      isAnywhere ||= spread > 0
      return { name, spread }
    }
    const images = spec.containers.map(({ image }) => wanted(image))
    for (const { image } of spec.initContainers ?? []) images.push(wanted(image))
    for (const { image } of spec.volumes ?? []) if (image !== undefined) images.push(wanted(image.reference))
    return isAnywhere ? images : undefined
  },
  score: (_pod, { images }, wanted) => {
    let bytes = 0
    for (const { name, spread } of wanted) bytes += Math.trunc((images.get(name) ?? 0) * spread)
    const maxBytes = maxBytesPerContainer * wanted.length
    return Math.trunc((maxNodeScore * (Math.min(Math.max(bytes, minBytes), maxBytes) - minBytes)) / (maxBytes - minBytes))
  },
}
