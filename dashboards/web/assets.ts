import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { createRequire, stripTypeScriptTypes } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** A file of the page, ready to be sent. */
export interface Asset {
  readonly type: string
  readonly bytes: Buffer
  readonly etag: string
}

const clientFolder = fileURLToPath(new URL('client', import.meta.url))
const require = createRequire(import.meta.url)

/** Bare imports of the page's modules → file inside the package. All of it is served from here: the page needs no other host. */
const packages = {
  preact: ['preact', 'dist/preact.mjs'],
  'preact/hooks': ['preact', 'hooks/dist/hooks.mjs'],
  uplot: ['uplot', 'dist/uPlot.esm.js'],
} as const

/** Every file of the page by path, and the content security policy that fits it. Types are stripped once, here. */
export function loadAssets(): { readonly files: ReadonlyMap<string, Asset>; readonly contentSecurityPolicy: string } {
  const files = new Map<string, Asset>()
  const importMap = JSON.stringify({
    imports: Object.fromEntries(Object.keys(packages).map((name) => [name, `/assets/${moduleFile(name)}`])),
  })
  for (const [name, [packageName, file]] of Object.entries(packages))
    files.set(`/assets/${moduleFile(name)}`, asset('text/javascript', readPackageFile(packageName, file)))
  for (const file of readdirSync(clientFolder)) {
    if (file.endsWith('.ts'))
      files.set(`/client/${file}`, asset('text/javascript', stripTypeScriptTypes(readFileSync(join(clientFolder, file), 'utf8'))))
    if (file.endsWith('.css')) files.set(`/client/${file}`, asset('text/css', readFileSync(join(clientFolder, file), 'utf8')))
  }
  files.set('/assets/uplot.css', asset('text/css', readPackageFile('uplot', 'dist/uPlot.min.css')))
  files.set(
    '/',
    asset(
      'text/html',
      readFileSync(join(clientFolder, 'index.html'), 'utf8').replace(/>\s*IMPORT_MAP\s*</, () => `>${importMap}<`),
    ),
  )
  const hash = createHash('sha256').update(importMap).digest('base64')
  const contentSecurityPolicy = `default-src 'none'; script-src 'self' 'sha256-${hash}'; style-src 'self' 'unsafe-inline'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`
  return { files, contentSecurityPolicy }
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

function asset(type: string, text: string): Asset {
  const bytes = Buffer.from(text)
  return { type: `${type}; charset=utf-8`, bytes, etag: `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"` }
}
