import { createHash } from 'node:crypto'
import { tarOf, tarSize } from './tar.ts'
import type { TarEntry } from './tar.ts'

/** A layer: its entries and the digest of its tar. */
export interface Layer {
  readonly entries: readonly TarEntry[]
  /** `sha256:` and 64 hex digits. */
  readonly digest: string
}

/** An image ready to be archived. `digest` covers everything in it and is kept as its label `contentLabel`. */
export interface BuiltImage {
  readonly name: string
  readonly layers: readonly Layer[]
  readonly config: Buffer
  readonly digest: string
}

/** What a container of the image starts with; Docker's words. */
export interface ContainerDefaults {
  readonly Env: readonly string[]
  readonly Entrypoint?: readonly string[]
  readonly Cmd?: readonly string[]
  readonly WorkingDir?: string
  readonly ExposedPorts?: Readonly<Record<string, Record<string, never>>>
}

/** The label by which a later run knows that an image is what it would build. */
export const contentLabel = 'io.binnacle.content'

/** Makes a layer; reads every file of it once for the digest. */
export async function createLayer(entries: readonly TarEntry[]): Promise<Layer> {
  const hash = createHash('sha256')
  for await (const chunk of tarOf(entries)) hash.update(chunk)
  return { entries, digest: `sha256:${hash.digest('hex')}` }
}

/** Makes an image of layers, bottom first. The same content gives the same image on every machine of an architecture. */
export function createImage(options: {
  readonly name: string
  readonly layers: readonly Layer[]
  readonly defaults: ContainerDefaults
  readonly architecture: string
}): BuiltImage {
  const { name, layers, defaults, architecture } = options
  const base = {
    architecture,
    os: 'linux',
    created: '1970-01-01T00:00:00Z',
    config: defaults,
    rootfs: { type: 'layers', diff_ids: layers.map(({ digest }) => digest) },
    history: layers.map(() => ({ created: '1970-01-01T00:00:00Z', created_by: 'binnacle examples/images' })),
  }
  const digest = createHash('sha256').update(JSON.stringify(base)).digest('hex')
  const config = { ...base, config: { ...defaults, Labels: { [contentLabel]: digest } } }
  return { name, layers, config: Buffer.from(JSON.stringify(config)), digest }
}

/** The archive of several images that Docker loads; a layer that they share is in it once. */
export function archiveOf(images: readonly BuiltImage[]): AsyncGenerator<Buffer> {
  const layers = new Map(images.flatMap((image) => image.layers).map((layer) => [layer.digest, layer]))
  const entries: TarEntry[] = []
  for (const [digest, layer] of layers) {
    const content = { size: tarSize(layer.entries), chunks: () => tarOf(layer.entries) }
    entries.push({ type: 'file', path: layerPath(digest), content })
  }
  for (const image of images) entries.push({ type: 'file', path: configPath(image), content: { bytes: image.config } })
  const manifest = images.map((image) => ({
    Config: configPath(image),
    RepoTags: [image.name],
    Layers: image.layers.map(({ digest }) => layerPath(digest)),
  }))
  entries.push({ type: 'file', path: 'manifest.json', content: { bytes: Buffer.from(JSON.stringify(manifest)) } })
  return tarOf(entries)
}

function layerPath(digest: string): string {
  return `${digest.replace('sha256:', '')}.tar`
}

function configPath(image: BuiltImage): string {
  return `${createHash('sha256').update(image.config).digest('hex')}.json`
}
