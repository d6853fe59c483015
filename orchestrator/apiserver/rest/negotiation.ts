import { openApiProtobufAlias, openApiProtobufType } from '../../api/openapi-protobuf.ts'
import { notAcceptable, type StatusError } from '../../api/status-error.ts'

/** What the client wants to see: the object itself, a table, or its metadata; as JSON or YAML. */
export interface Accepted {
  readonly as: 'object' | 'Table' | 'PartialObjectMetadata'
  readonly mediaType: 'application/json' | 'application/yaml'
  /** The OpenAPI v2 document in protobuf; everything else then is JSON. */
  readonly wantsOpenApiProtobuf?: true
  /** The parameters that discovery negotiates on, as they were given. */
  readonly parameters: Readonly<Record<string, string>>
}

const plainJson: Accepted = { as: 'object', mediaType: 'application/json', parameters: {} }
const acceptedTypes = ['application/json', 'application/yaml']
/** Headers repeat from request to request; what they mean is kept for this many of them. */
const maxCached = 256

const cache = new Map<string, readonly Accepted[]>()

/** The acceptable forms in the client's order of preference; none means that nothing we have is acceptable. */
export function parseAccept(header: string | undefined): readonly Accepted[] {
  if (header === undefined || header === '' || header === 'application/json' || header === '*/*') return [plainJson]
  const known = cache.get(header)
  if (known !== undefined) return known
  const parsed = parseHeader(header)
  if (cache.size >= maxCached) cache.clear()
  cache.set(header, parsed)
  return parsed
}

function parseHeader(header: string): Accepted[] {
  const ranges = header.split(',').map((range, index) => ({ ...parseRange(range), index }))
  return ranges
    .filter(({ accepted, quality }) => accepted !== undefined && quality > 0)
    .sort((a, b) => b.quality - a.quality || a.index - b.index)
    .map(({ accepted }) => accepted!)
}

function parseRange(range: string): { readonly accepted: Accepted | undefined; readonly quality: number } {
  const [type = '', ...rest] = range.split(';').map((part) => part.trim())
  const parameters: Record<string, string> = {}
  for (const parameter of rest) {
    const [name = '', value = ''] = parameter.split('=')
    parameters[name] = value
  }
  const quality = parameters['q'] === undefined ? 1 : Number(parameters['q']) || 0
  return { quality, accepted: toAccepted(type.toLowerCase(), parameters) }
}

function toAccepted(type: string, parameters: Record<string, string>): Accepted | undefined {
  if (type === openApiProtobufType || type === openApiProtobufAlias) return { ...plainJson, wantsOpenApiProtobuf: true }
  const isYaml = type === 'application/yaml'
  if (!isYaml && !['application/json', '*/*', 'application/*'].includes(type)) return undefined
  const mediaType = isYaml ? 'application/yaml' : 'application/json'
  const { as, g, v } = parameters
  if (as === undefined) return { as: 'object', mediaType, parameters }
  if (g === 'meta.k8s.io' && v === 'v1' && (as === 'Table' || as === 'PartialObjectMetadata' || as === 'PartialObjectMetadataList'))
    return { as: as === 'Table' ? as : 'PartialObjectMetadata', mediaType, parameters }
  // Discovery's own forms are chosen by its handler.
  return g === 'apidiscovery.k8s.io' ? { as: 'object', mediaType, parameters } : undefined
}

/** The 406 that names what could be had. */
export function nothingAcceptable(): StatusError {
  return notAcceptable(acceptedTypes)
}
