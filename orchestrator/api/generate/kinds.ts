/**
 * Writes `generated/kinds.ts` from the interface tables: a TypeScript interface per API type and a `Kind` constant per served kind.
 * Run by `npm run generate`; the output is committed.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

interface Shape {
  type?: string
  format?: string
  ref?: string
  items?: Shape
  values?: Shape
  'int-or-string'?: boolean
}
interface TypeRow extends Shape {
  gvk?: [string, string, string][]
  fields?: Record<string, Shape>
  required?: string[]
}

const folder = fileURLToPath(new URL('..', import.meta.url))
const types = JSON.parse(readFileSync(`${folder}data/kubernetes-1.35-types.json`, 'utf8')) as Record<string, TypeRow>
const operations = readFileSync(`${folder}data/kubernetes-1.35-operations.tsv`, 'utf8')
  .trim()
  .split('\n')
  .slice(1)
  .map((line) => line.split('\t'))

const capital = (text: string) => text[0]!.toUpperCase() + text.slice(1)

/** io.k8s.api.apps.v1.Deployment → AppsV1Deployment; io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta → MetaV1ObjectMeta. */
function typeName(definition: string): string {
  const parts = definition.split('.')
  const [group, version, name] = parts.slice(-3) as [string, string, string]
  if (!/^v\d/.test(version)) return name
  return capital(group) + capital(version) + name
}

function typeText(shape: Shape): string {
  if (shape.ref !== undefined) return refText(shape.ref)
  if (shape['int-or-string'] === true || shape.format === 'int-or-string') return 'string | number'
  if (shape.type === 'array') {
    const item = typeText(shape.items ?? {})
    return item.includes('|') ? `(${item})[]` : `${item}[]`
  }
  if (shape.type === 'object') return shape.values === undefined ? 'Record<string, unknown>' : `Record<string, ${typeText(shape.values)}>`
  if (shape.type === 'integer' || shape.type === 'number') return 'number'
  if (shape.type === 'boolean') return 'boolean'
  if (shape.type === 'string') return 'string'
  return 'unknown'
}

function refText(ref: string): string {
  const target = types[ref]
  if (target === undefined) return 'unknown'
  return target.fields === undefined ? typeText(target) : typeName(ref)
}

function interfaceText(definition: string, row: TypeRow): string {
  const required = new Set(row.required)
  // The server always writes these for top-level kinds, whatever the schema says (an empty spec as {}).
  const isTopLevel = row.gvk !== undefined && row.fields?.['metadata']?.ref?.endsWith('.ObjectMeta') === true
  if (isTopLevel) for (const name of ['apiVersion', 'kind', 'metadata']) required.add(name)
  if (isTopLevel && row.fields?.['spec']?.ref !== undefined) required.add('spec')
  const lines = Object.entries(row.fields ?? {}).map(([name, shape]) => {
    const key = /^[A-Za-z_$][\w$]*$/.test(name) ? name : `'${name}'`
    return `  ${key}${required.has(name) ? '' : '?'}: ${typeText(shape)}`
  })
  return `export interface ${typeName(definition)} {\n${lines.join('\n')}\n}\n`
}

/** `group/version/kind` → where the kind is served, for kinds with a collection of their own. */
function servedKinds(): Map<string, { plural: string; isNamespaced: boolean }> {
  const served = new Map<string, { plural: string; isNamespaced: boolean }>()
  for (const [, path, action, group, version, kind] of operations as [string, string, string, string, string, string][]) {
    if (action !== 'post' && action !== 'list') continue
    const match = /^\/(?:api|apis\/[^/]+)\/[^/]+\/(namespaces\/\{namespace\}\/)?([a-z]+)$/.exec(path)
    if (match === null) continue
    const key = `${group}/${version}/${kind}`
    const isNamespaced = match[1] !== undefined || served.get(key)?.isNamespaced === true
    served.set(key, { plural: match[2]!, isNamespaced })
  }
  return served
}

/** The file's text. */
export function kindsText(): string {
  const served = servedKinds()
  const out = [
    '/** The Kubernetes 1.35 types and kinds. Generated from orchestrator/api/data by `npm run generate`; do not edit. */',
    "import type { Kind } from '../object.ts'",
    '',
  ]
  for (const [definition, row] of Object.entries(types).sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (row.fields === undefined) continue
    out.push(interfaceText(definition, row))
    for (const [group, version, kind] of row.gvk ?? []) {
      const place = served.get(`${group}/${version}/${kind}`)
      if (place === undefined || row.fields['metadata']?.ref?.endsWith('.ObjectMeta') !== true || row.gvk!.length > 1) continue
      const name = typeName(definition)
      out.push(
        `export const ${name}: Kind<${name}> = { group: '${group}', version: '${version}', kind: '${kind}', plural: '${place.plural}', isNamespaced: ${place.isNamespaced} }\n`,
      )
    }
  }
  return out.join('\n')
}

/** Writes the file. */
export function generateKinds(): void {
  writeFileSync(`${folder}generated/kinds.ts`, kindsText())
}
