import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { definitionNames, definitionsByGvk, typeRow, type ShapeRow, type TypeRow } from './definition.ts'
import { legacyKinds, type LegacyKind } from './legacy.ts'
import type { Kind } from './object.ts'
import { parameterOf, responseText } from './openapi-parameters.ts'

/** A row of `data/kubernetes-1.35-operations.tsv`. */
interface Operation {
  readonly method: string
  readonly path: string
  readonly action: string
  readonly group: string
  readonly version: string
  readonly kind: string
  readonly parameters: readonly string[]
  readonly consumes: readonly string[]
}

type Gvk = readonly [string, string, string]
type Schema = Record<string, unknown>

function readOperations(): Operation[] {
  const text = readFileSync(new URL('data/kubernetes-1.35-operations.tsv', import.meta.url), 'utf8')
  const operations = text.trimEnd().split('\n').slice(1).map(parseOperation)
  return [...operations, ...legacyKinds.flatMap((legacy) => legacyOperations(legacy, operations))]
}

function parseOperation(line: string): Operation {
  const [method, path, action, group, version, kind, parameters, consumes] = line.split('\t') as [
    string,
    string,
    string,
    string,
    string,
    string,
    string?,
    string?,
  ]
  const list = (text: string | undefined) => (text === undefined || text === '' ? [] : text.split(','))
  return { method, path, action, group, version, kind, parameters: list(parameters), consumes: list(consumes) }
}

const pathOf = ({ group, version }: Kind): string => (group === '' ? `api/${version}` : `apis/${group}/${version}`)

/** A retired kind's operations: those of its successor under the old path. */
function legacyOperations({ kind, alias }: LegacyKind, operations: readonly Operation[]): Operation[] {
  const prefix = `/${pathOf(alias.kind)}/`
  const isOffered = ({ action, path, group, version, kind: name }: Operation) =>
    path.startsWith(prefix) &&
    !path.includes('/watch/') &&
    !/\{name\}\/./.test(path) &&
    ['get', 'put', 'patch', 'post', 'delete'].includes(action) &&
    group === alias.kind.group &&
    version === alias.kind.version &&
    name === kind.kind
  return operations.filter(isOffered).map((operation) => ({
    ...operation,
    group: kind.group,
    version: kind.version,
    path: operation.path.replace(prefix, `/${pathOf(kind)}/`),
  }))
}

/** `/apis/apps/v1/…` → `apis/apps/v1`; `undefined` for paths outside of any group version. */
function groupVersionPathOf(path: string): string | undefined {
  return /^\/(api\/v\d[^/]*|apis\/[^/]+\/v\d[^/]*)(?:\/|$)/.exec(path)?.[1]
}

/** The index at `/openapi/v3`: per group version (`api/v1`, `apis/apps/v1`) the URL of its document, with a hash for caches. */
export function openApiV3Index(): { readonly paths: Readonly<Record<string, { readonly serverRelativeURL: string }>> } {
  const operations = readOperations()
  // Documents are a function of the tables alone, so the tables' hash tells when one changes.
  const tables = createHash('sha256')
    .update(readFileSync(new URL('data/kubernetes-1.35-types.json', import.meta.url)))
    .update(JSON.stringify(operations))
    .digest('hex')
  const paths = [...new Set(operations.map(({ path }) => groupVersionPathOf(path)).filter((path) => path !== undefined))].sort()
  const hashOf = (path: string) => createHash('sha256').update(tables).update(path).digest('hex').toUpperCase()
  return { paths: Object.fromEntries(paths.map((path) => [path, { serverRelativeURL: `/openapi/v3/${path}?hash=${hashOf(path)}` }])) }
}

/** The OpenAPI v3 document of `api/v1` or `apis/<group>/<version>`; `undefined` where there is none. */
export function openApiV3(groupVersionPath: string): object | undefined {
  const operations = readOperations().filter(({ path }) => groupVersionPathOf(path) === groupVersionPath)
  if (operations.length === 0) return undefined
  const definitions = definitionsByGvk()
  const used = new Set<string>()
  const paths = pathsOf(operations, (operation) => operationV3(operation, definitions, used))
  const schemas: Record<string, Schema> = {}
  for (const name of used) addSchema(name, schemas, used)
  addLegacyGvks(groupVersionPath, schemas)
  return {
    openapi: '3.0.0',
    info: { title: 'Kubernetes', version: 'v1.35.0' },
    paths,
    components: { schemas: Object.fromEntries(Object.entries(schemas).sort(([a], [b]) => (a < b ? -1 : 1))) },
  }
}

/** Adds one definition's schema; what it refers to joins `used`, which the caller is walking. */
function addSchema(name: string, schemas: Record<string, Schema>, used: Set<string>): void {
  const row = typeRow(name)
  if (row === undefined) return
  schemas[name] = definitionSchema(row, (ref) => {
    used.add(ref)
    return `#/components/schemas/${ref}`
  })
}

/** In a retired group's document the successor's schema carries the retired name, by which clients look it up. */
function addLegacyGvks(groupVersionPath: string, schemas: Record<string, Schema>): void {
  for (const { kind, alias } of legacyKinds) {
    if (pathOf(kind) !== groupVersionPath) continue
    const name = definitionsByGvk().get(`${alias.kind.group}/${alias.kind.version}/${alias.kind.kind}`)
    if (name !== undefined && schemas[name] !== undefined)
      schemas[name] = {
        ...schemas[name],
        'x-kubernetes-group-version-kind': [{ group: kind.group, version: kind.version, kind: kind.kind }],
      }
  }
}

function pathsOf(operations: readonly Operation[], describe: (operation: Operation) => object): Record<string, Record<string, unknown>> {
  const paths: Record<string, Record<string, unknown>> = {}
  for (const operation of operations) {
    const path = (paths[operation.path] ??= {})
    path[operation.method.toLowerCase()] = describe(operation)
  }
  return paths
}

const gvkObject = ({ group, version, kind }: Operation) => ({ group, version, kind })
const isBody = (name: string) => name === 'body'

function extensionsOf(operation: Operation): object {
  if (operation.action === '') return {}
  return { 'x-kubernetes-action': operation.action, 'x-kubernetes-group-version-kind': gvkObject(operation) }
}

/** The definition that an operation takes as its body. */
function bodyDefinition(operation: Operation, definitions: ReadonlyMap<string, string>): string | undefined {
  if (operation.action === 'delete' || operation.action === 'deletecollection') return 'io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions'
  if (operation.action === 'patch') return 'io.k8s.apimachinery.pkg.apis.meta.v1.Patch'
  return definitions.get(definitionKey(operation, operation.kind))
}

const definitionKey = ({ group, version, path }: Operation, kind: string): string => {
  const legacy = legacyKinds.find(
    (candidate) => candidate.kind.group === group && candidate.kind.version === version && path.includes(`/${candidate.kind.plural}`),
  )
  return legacy === undefined ? `${group}/${version}/${kind}` : `${legacy.alias.kind.group}/${legacy.alias.kind.version}/${kind}`
}

/** The definition that an operation answers with; `undefined` where it is plain text or a stream. */
function answerDefinition(operation: Operation, definitions: ReadonlyMap<string, string>): string | undefined {
  const { action, kind, path } = operation
  if (action === '' || action === 'connect' || path.endsWith('/log')) return undefined
  if (action === 'watch' || action === 'watchlist') return 'io.k8s.apimachinery.pkg.apis.meta.v1.WatchEvent'
  if (action === 'list') return definitions.get(definitionKey(operation, `${kind}List`))
  if (action === 'deletecollection') return 'io.k8s.apimachinery.pkg.apis.meta.v1.Status'
  return definitions.get(definitionKey(operation, kind))
}

function operationV3(operation: Operation, definitions: ReadonlyMap<string, string>, used: Set<string>): object {
  const refTo = (name: string) => {
    used.add(name)
    return { $ref: `#/components/schemas/${name}` }
  }
  const body = operation.parameters.some(isBody) ? bodyDefinition(operation, definitions) : undefined
  const answer = answerDefinition(operation, definitions)
  const parameters = operation.parameters
    .filter((name) => !isBody(name))
    .map((name) => {
      const { type, ...rest } = parameterOf(name, operation.path)
      return { ...rest, schema: { type, uniqueItems: true } }
    })
  return {
    parameters,
    ...(body === undefined
      ? {}
      : {
          requestBody: {
            content: Object.fromEntries(operation.consumes.map((type) => [type, { schema: refTo(body) }])),
            ...(operation.action.startsWith('delete') ? {} : { required: true }),
          },
        }),
    responses: {
      '200': { description: responseText, ...(answer === undefined ? {} : { content: { 'application/json': { schema: refTo(answer) } } }) },
    },
    ...extensionsOf(operation),
  }
}

/** A definition as OpenAPI. `refTo` gives the address of another definition. */
function definitionSchema(row: TypeRow, refTo: (ref: string) => string): Schema {
  const { fields, gvk, required, ...shape } = row
  return {
    ...shapeSchema(shape, refTo),
    ...(fields === undefined
      ? {}
      : { properties: Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, shapeSchema(field, refTo)])) }),
    ...(required === undefined ? {} : { required }),
    ...(gvk === undefined
      ? {}
      : { 'x-kubernetes-group-version-kind': gvk.map(([group, version, kind]: Gvk) => ({ group, version, kind })) }),
  }
}

function shapeSchema(row: ShapeRow, refTo: (ref: string) => string): Schema {
  const { type, format, ref, items, values, ...extensions } = row
  const schema: Schema = {}
  for (const [name, value] of Object.entries(extensions))
    schema[name === 'default' || name === 'enum' ? name : `x-kubernetes-${name}`] = value
  if (ref !== undefined) {
    const target = { $ref: refTo(ref) }
    return Object.keys(schema).length === 0 ? target : { allOf: [target], ...schema }
  }
  if (type !== undefined) schema['type'] = type
  if (format !== undefined) schema['format'] = format
  if (items !== undefined) schema['items'] = shapeSchema(items, refTo)
  if (values !== undefined) schema['additionalProperties'] = shapeSchema(values, refTo)
  return schema
}

/** The OpenAPI v2 document of everything. Large (megabytes): make it once and keep the bytes. */
export function openApiV2(): object {
  const index = definitionsByGvk()
  const definitions: Record<string, Schema> = {}
  for (const name of definitionNames()) definitions[name] = definitionSchema(typeRow(name)!, (ref) => `#/definitions/${ref}`)
  return {
    swagger: '2.0',
    info: { title: 'Kubernetes', version: 'v1.35.0' },
    paths: pathsOf(readOperations(), (operation) => operationV2(operation, index)),
    definitions,
  }
}

function operationV2(operation: Operation, definitions: ReadonlyMap<string, string>): object {
  const body = operation.parameters.some(isBody) ? bodyDefinition(operation, definitions) : undefined
  const answer = answerDefinition(operation, definitions)
  const parameters: object[] = operation.parameters
    .filter((name) => !isBody(name))
    .map((name) => ({ ...parameterOf(name, operation.path), uniqueItems: true }))
  if (body !== undefined)
    parameters.push({
      in: 'body',
      name: 'body',
      schema: { $ref: `#/definitions/${body}` },
      ...(operation.action.startsWith('delete') ? {} : { required: true }),
    })
  return {
    consumes: operation.consumes.length === 0 ? ['*/*'] : operation.consumes,
    produces: ['application/json', 'application/yaml'],
    schemes: ['https'],
    parameters,
    responses: { '200': { description: responseText, ...(answer === undefined ? {} : { schema: { $ref: `#/definitions/${answer}` } }) } },
    ...extensionsOf(operation),
  }
}
