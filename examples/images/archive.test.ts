import { expect, test } from 'vitest'
import { archiveOf, contentLabel, createImage, createLayer } from './archive.ts'
import { exampleImages } from './catalogue.ts'
import { parseLibraries, withFolders } from './runtime-layer.ts'
import type { TarEntry } from './tar.ts'

const file = (path: string, text: string): TarEntry => ({ type: 'file', path, content: { bytes: Buffer.from(text) } })

async function textOf(chunks: AsyncIterable<Buffer>): Promise<string> {
  const all: Buffer[] = []
  for await (const chunk of chunks) all.push(chunk)
  return Buffer.concat(all).toString('latin1')
}

test('images that share a layer have it in the archive once', async () => {
  const base = await createLayer([file('base', 'THE BASE LAYER')])
  const images = await Promise.all(
    ['one', 'two'].map(async (name) =>
      createImage({ name, layers: [base, await createLayer([file(name, name)])], defaults: { Env: [] }, architecture: 'amd64' }),
    ),
  )
  const text = await textOf(archiveOf(images))
  expect(text.split('THE BASE LAYER')).toHaveLength(2)
  const manifest = JSON.parse(/\[\{"Config".*\}\]/.exec(text)![0]) as { RepoTags: string[]; Layers: string[] }[]
  expect(manifest.map(({ RepoTags }) => RepoTags)).toEqual([['one'], ['two']])
  expect(manifest[0]?.Layers[0]).toBe(manifest[1]?.Layers[0])
})

test('the content label changes with the content and with nothing else', async () => {
  const build = async (text: string, env: readonly string[] = []) => {
    const layers = [await createLayer([file('a', text)])]
    const image = createImage({ name: 'x', layers, defaults: { Env: env }, architecture: 'amd64' })
    return (JSON.parse(image.config.toString()) as { config: { Labels: Record<string, string> } }).config.Labels[contentLabel]
  }
  expect(await build('a')).toBe(await build('a'))
  expect(await build('a')).not.toBe(await build('b'))
  expect(await build('a')).not.toBe(await build('a', ['X=1']))
})

test('folders above a path come before it, each once', () => {
  expect(withFolders([file('usr/bin/b', ''), file('usr/bin/a', '')]).map(({ path }) => path)).toEqual([
    'usr',
    'usr/bin',
    'usr/bin/a',
    'usr/bin/b',
  ])
})

test('libraries are read out of a listing', () => {
  const listing = `\tlinux-vdso.so.1 (0x00007f1)
\tlibdl.so.2 => /lib/x86_64-linux-gnu/libdl.so.2 (0x00007f2)
\t/lib64/ld-linux-x86-64.so.2 (0x00007f3)
\tlibgone.so => not found
`
  expect(parseLibraries(listing)).toEqual(['/lib/x86_64-linux-gnu/libdl.so.2', '/lib64/ld-linux-x86-64.so.2'])
})

test('every image has a name with a tag and its own commands', () => {
  expect(exampleImages.every(({ name }) => /^[a-z/-]+:[\w.]+$/.test(name))).toBe(true)
  expect(new Set(exampleImages.map(({ name }) => name)).size).toBe(exampleImages.length)
  for (const { command, commands, workingDir } of exampleImages) {
    if (command !== undefined && workingDir === undefined && command[0] !== 'sh') expect(Object.keys(commands)).toContain(command[0])
  }
})
