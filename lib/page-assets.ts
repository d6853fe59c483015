import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

/** A file of a page, ready to be sent. */
export interface PageAsset {
  readonly type: string
  readonly bytes: Buffer
  readonly etag: string
}

/** What a page consists of. */
export interface PageAssets {
  /** By path, without the prefix; the page itself is `/`. */
  readonly files: ReadonlyMap<string, PageAsset>
  /** The content security policy that fits it: nothing from other hosts, no script in the page but the import map. */
  readonly contentSecurityPolicy: string
}

export interface PageOptions {
  /** Folder of the page: `index.html` with `IMPORT_MAP` where that goes, modules in TypeScript, style sheets. */
  readonly clientFolder: string
  /** Where the page is mounted, such as `/collector`; at the top by default. Paths in `index.html` get it in front. */
  readonly prefix?: string
}

const require = createRequire(import.meta.url)

/** Modules that pages have in common, which import them by their place among the sources. */
const sharedFolder = { path: '/lib/page', folder: join(import.meta.dirname, 'page') } as const

/** Bare imports of pages' modules → file inside the package. All of it is served from here: a page needs no other host. */
const packages = {
  preact: ['preact', 'dist/preact.mjs'],
  'preact/hooks': ['preact', 'hooks/dist/hooks.mjs'],
  uplot: ['uplot', 'dist/uPlot.esm.js'],
} as const

/** Every file of a page that is made with Preact and uPlot and needs no bundle: types are stripped once, here. Rejects where a module can't be read as TypeScript. */
export async function loadPageAssets({ clientFolder, prefix = '' }: PageOptions): Promise<PageAssets> {
  const files = new Map<string, PageAsset>()
  const importMap = JSON.stringify({
    imports: {
      ...Object.fromEntries(Object.keys(packages).map((name) => [name, `${prefix}/assets/${moduleFile(name)}`])),
      // A way up from /client ends at the top, without the prefix.
      [`${sharedFolder.path}/`]: `${prefix}${sharedFolder.path}/`,
    },
  })
  for (const [name, [packageName, file]] of Object.entries(packages))
    files.set(`/assets/${moduleFile(name)}`, asset('text/javascript', readPackageFile(packageName, file)))
  const sources = [sharedFolder, { path: '/client', folder: clientFolder }].flatMap(({ path, folder }) =>
    readdirSync(folder).map((name) => ({ path: `${path}/${name}`, file: join(folder, name) })),
  )
  const modules = sources.filter(({ file }) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
  const scripts = await stripTypes(modules.map(({ file }) => readFileSync(file, 'utf8')))
  for (const [index, { path }] of modules.entries()) files.set(path, asset('text/javascript', scripts[index]!))
  for (const { path, file } of sources.filter(({ file }) => file.endsWith('.css')))
    files.set(path, asset('text/css', readFileSync(file, 'utf8')))
  files.set('/assets/uplot.css', asset('text/css', readPackageFile('uplot', 'dist/uPlot.min.css')))
  const page = readFileSync(join(clientFolder, 'index.html'), 'utf8')
    .replaceAll('="/', `="${prefix}/`)
    .replace(/>\s*IMPORT_MAP\s*</, () => `>${importMap}<`)
  files.set('/', asset('text/html', page))
  const hash = createHash('sha256').update(importMap).digest('base64')
  const contentSecurityPolicy = `default-src 'none'; script-src 'self' 'sha256-${hash}'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`
  return { files, contentSecurityPolicy }
}

/** Reads a list of sources as JSON, and writes it without types. */
const stripper = `
  const { stripTypeScriptTypes } = require('node:module')
  const sources = JSON.parse(require('node:fs').readFileSync(0, 'utf8'))
  process.stdout.write(JSON.stringify(sources.map((source) => stripTypeScriptTypes(source))))`
const maxScriptBytes = 16 << 20

/** In a process of its own: the stripper takes 20 MB, and would keep them for good in one that lives long. */
function stripTypes(sources: readonly string[]): Promise<readonly string[]> {
  return new Promise((resolve, reject) => {
    const args = ['--disable-warning=ExperimentalWarning', '--eval', stripper]
    const child = execFile(process.execPath, args, { maxBuffer: maxScriptBytes }, (error, stdout) =>
      error === null ? resolve(JSON.parse(stdout) as string[]) : reject(error),
    )
    child.stdin!.on('error', () => {})
    child.stdin!.end(JSON.stringify(sources))
  })
}

function moduleFile(name: string): string {
  return `${name.replace('/', '-')}.js`
}

function readPackageFile(packageName: string, file: string): string {
  return readFileSync(join(dirname(require.resolve(`${packageName}/package.json`)), file), 'utf8').replace(
    /\n\/\/# sourceMappingURL=.*\s*$/,
    '\n',
  )
}

function asset(type: string, text: string): PageAsset {
  const bytes = Buffer.from(text)
  return { type: `${type}; charset=utf-8`, bytes, etag: `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"` }
}
