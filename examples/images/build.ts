import { access, readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import type Docker from 'dockerode'
import type { Log } from '../../lib/log.ts'
import { archiveOf, contentLabel, createImage, createLayer } from './archive.ts'
import type { BuiltImage, ContainerDefaults, Layer } from './archive.ts'
import { exampleImages } from './catalogue.ts'
import type { ExampleImage } from './catalogue.ts'
import { runtimeLayer, withFolders } from './runtime-layer.ts'
import type { TarEntry } from './tar.ts'

export interface BuildOptions {
  readonly docker: Docker
  readonly log: Log
  /** Image names to build, e.g. `williamyeh/boom:latest` or without tag; all where absent. */
  readonly only?: readonly string[]
  /** The Node binary for the images; the running one where absent. */
  readonly node?: string
  /** A busybox binary; looked for in the usual places where absent. */
  readonly busybox?: string
}

/** The names of the images that were loaded, and of those that were there already with the same content. */
export interface BuildResult {
  readonly loaded: readonly string[]
  readonly unchanged: readonly string[]
}

const appsFolder = new URL('apps/', import.meta.url).pathname
const busyboxPlaces = ['/bin/busybox', '/usr/bin/busybox', '/usr/local/bin/busybox']
const searchPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/**
 * Builds the example images and loads those into Docker that are not there with the same content. Needs no network. Rejects with a
 * RangeError for a name in `only` that no example has, and with an Error that says what to install where busybox is missing.
 */
export async function buildExampleImages({ docker, log, only, node = process.execPath, busybox }: BuildOptions): Promise<BuildResult> {
  const wanted = chooseImages(only)
  const entries = await runtimeLayer({ node, busybox: busybox ?? (await findBusybox()) })
  const runtime = await createLayer(entries)
  const images = await Promise.all(wanted.map((image) => buildImage(image, runtime)))
  const present = await Promise.all(images.map((image) => isPresent(docker, image)))
  const missing = images.filter((_, index) => !present[index])
  if (missing.length > 0) await load(docker, missing)
  const loaded = missing.map(({ name }) => name)
  const unchanged = images.filter((image) => !missing.includes(image)).map(({ name }) => name)
  log.info({ loaded, unchanged }, 'example images are ready')
  return { loaded, unchanged }
}

function chooseImages(only: readonly string[] | undefined): readonly ExampleImage[] {
  if (only === undefined || only.length === 0) return exampleImages
  return only.flatMap((name) => {
    const found = exampleImages.filter((image) => image.name === name || image.name.split(':')[0] === name)
    if (found.length > 0) return found
    throw new RangeError(
      `no example image is named ${JSON.stringify(name)}; there are: ${exampleImages.map((image) => image.name).join(', ')}`,
    )
  })
}

async function findBusybox(): Promise<string> {
  for (const place of busyboxPlaces) {
    try {
      await access(place)
      return place
    } catch {}
  }
  throw new Error(`busybox is not in ${busyboxPlaces.join(', ')}: install it, on Debian by \`apt-get install busybox-static\``)
}

async function buildImage(image: ExampleImage, runtime: Layer): Promise<BuiltImage> {
  const layer = await createLayer(await appLayer(image))
  const { entrypoint, command, workingDir, ports } = image
  const defaults: ContainerDefaults = {
    Env: [`PATH=${searchPath}`, ...Object.entries(image.env ?? {}).map(([name, value]) => `${name}=${value}`)],
    ...(entrypoint === undefined ? {} : { Entrypoint: entrypoint }),
    ...(command === undefined ? {} : { Cmd: command }),
    ...(workingDir === undefined ? {} : { WorkingDir: workingDir }),
    ...(ports === undefined ? {} : { ExposedPorts: Object.fromEntries(ports.map((port) => [`${port}/tcp`, {}])) }),
  }
  return createImage({ name: image.name, layers: [runtime, layer], defaults, architecture: process.arch === 'arm64' ? 'arm64' : 'amd64' })
}

async function appLayer({ apps, commands }: ExampleImage): Promise<readonly TarEntry[]> {
  const entries: TarEntry[] = []
  for (const app of apps) {
    for (const name of await readdir(join(appsFolder, app))) {
      if (name.endsWith('.test.ts')) continue
      const bytes = await readFile(join(appsFolder, app, name))
      entries.push({ type: 'file', path: `usr/local/lib/${app}/${name}`, mode: 0o755, content: { bytes } })
    }
  }
  for (const [name, source] of Object.entries(commands)) {
    entries.push({ type: 'link', path: `usr/local/bin/${name}`, target: `../lib/${source}` })
  }
  // Says to Node, for sources and for the manifests' own `node index.js`, that these are ECMAScript modules.
  entries.push({ type: 'file', path: 'usr/local/lib/package.json', content: { bytes: Buffer.from('{"type":"module"}\n') } })
  return withFolders(entries)
}

async function isPresent(docker: Docker, image: BuiltImage): Promise<boolean> {
  try {
    const { Config } = await docker.getImage(image.name).inspect()
    return Config.Labels?.[contentLabel] === image.digest
  } catch (error) {
    if ((error as { readonly statusCode?: number }).statusCode === 404) return false
    throw error
  }
}

async function load(docker: Docker, images: readonly BuiltImage[]): Promise<void> {
  const answer = await docker.loadImage(Readable.from(archiveOf(images)), { quiet: true })
  const chunks: Buffer[] = []
  for await (const chunk of answer) chunks.push(Buffer.from(chunk))
  for (const line of Buffer.concat(chunks).toString('utf8').split('\n')) {
    if (line.trim() === '') continue
    const { error } = JSON.parse(line) as { readonly error?: string }
    if (error !== undefined) throw new Error(`Docker did not load the example images: ${error}`)
  }
}
