/** Derives `generated/resources.ts` from the interface tables: each served resource with its verbs, subresources and definition. */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

interface TypeRow {
  gvk?: [string, string, string][]
  fields?: Record<string, { ref?: string }>
}
interface Subresource {
  name: string
  group: string
  version: string
  kind: string
  verbs: string[]
}
interface Resource {
  group: string
  version: string
  kind: string
  plural: string
  isNamespaced: boolean
  verbs: Set<string>
  subresources: Map<string, Subresource & { verbSet: Set<string> }>
}

const folder = fileURLToPath(new URL('..', import.meta.url))

/** The table's action → the API verb; a watch is offered as a parameter of list. */
const verbs: Readonly<Record<string, string>> = {
  post: 'create',
  put: 'update',
  watchlist: 'watch',
  list: 'list',
  get: 'get',
  delete: 'delete',
  deletecollection: 'deletecollection',
  patch: 'patch',
  watch: 'watch',
}
const connectVerbs: Readonly<Record<string, string>> = { GET: 'get', POST: 'create', PUT: 'update', DELETE: 'delete', PATCH: 'patch' }
const pathPattern =
  /^\/(?:api|apis\/([^/]+))\/([^/]+)\/(?:watch\/)?(namespaces\/\{namespace\}\/)?([a-z]+)(?:\/\{name\}(?:\/([a-z]+)(?:\/\{path\})?)?)?$/

function readResources(): Resource[] {
  const lines = readFileSync(`${folder}data/kubernetes-1.35-operations.tsv`, 'utf8').trim().split('\n').slice(1)
  const resources = new Map<string, Resource>()
  for (const line of lines) {
    const [method, path, action, group, version, kind] = line.split('\t') as [string, string, string, string, string, string]
    const match = pathPattern.exec(path)
    if (match === null || action === '') continue
    const [, pathGroup = '', pathVersion, namespaced, plural, subresource] = match
    const key = `${pathGroup}/${pathVersion}/${plural}`
    const resource: Resource = resources.get(key) ?? {
      group: pathGroup,
      version: pathVersion!,
      kind: '',
      plural: plural!,
      isNamespaced: false,
      verbs: new Set(),
      subresources: new Map(),
    }
    resources.set(key, resource)
    const verb = action === 'connect' ? connectVerbs[method] : verbs[action]
    if (namespaced !== undefined) resource.isNamespaced = true
    if (subresource === undefined) {
      resource.kind = kind
      resource.verbs.add(verb!)
    } else {
      const entry = resource.subresources.get(subresource) ?? {
        name: subresource,
        group,
        version,
        kind,
        verbs: [],
        verbSet: new Set<string>(),
      }
      resource.subresources.set(subresource, entry)
      if (verb !== undefined) entry.verbSet.add(verb)
    }
  }
  return [...resources.values()]
}

function definitionOf(types: Readonly<Record<string, TypeRow>>, { group, version, kind }: Resource): string {
  const found = Object.entries(types).find(([, row]) => row.gvk?.some(([g, v, k]) => g === group && v === version && k === kind))
  if (found === undefined) throw new Error(`no type for ${group}/${version} ${kind}`)
  return found[0]
}

/** The file's text. */
export function resourcesText(): string {
  const types = JSON.parse(readFileSync(`${folder}data/kubernetes-1.35-types.json`, 'utf8')) as Record<string, TypeRow>
  const rows = readResources().map((resource) => {
    const definition = definitionOf(types, resource)
    const fields = types[definition]!.fields ?? {}
    const { verbs: verbSet, subresources, ...names } = resource
    return {
      ...names,
      definition,
      alwaysWritten: ['spec', 'status'].filter((name) => fields[name]?.ref !== undefined),
      verbs: [...verbSet].sort(),
      subresources: [...subresources.values()].map(({ verbSet: set, ...entry }) => ({ ...entry, verbs: [...set].sort() })),
    }
  })
  const lines = rows.map((row) => `  ${JSON.stringify(row)},`)
  return `/** The served resources of Kubernetes 1.35. Generated from orchestrator/api/data by \`npm run generate\`; do not edit. */
import type { ResourceRow } from '../resource-row.ts'

/** In the order of the interface tables. */
export const resourceRows: readonly ResourceRow[] = [
${lines.join('\n')}
]
`
}

/** Writes the file. */
export function generateResources(): void {
  writeFileSync(`${folder}generated/resources.ts`, resourcesText())
}
