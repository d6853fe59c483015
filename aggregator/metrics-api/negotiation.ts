import { notAcceptable } from '../../orchestrator/api/status-error.ts'

export const protobuf = 'application/vnd.kubernetes.protobuf'

/** How an answer is written. */
export type MediaType = 'application/json' | 'application/yaml' | typeof protobuf

/** What a client wants to see, and how it is to be written. */
export interface Accepted {
  readonly mediaType: MediaType
  readonly as: 'object' | 'Table' | 'PartialObjectMetadata' | 'APIGroupDiscoveryList'
}

const mediaTypes: readonly MediaType[] = ['application/json', 'application/yaml', protobuf]
const plainJson: Accepted = { mediaType: 'application/json', as: 'object' }
/** A header that lists more than this is nobody's. */
const maxRanges = 32

/** The first form in the client's order of preference that `isOffered`; throws a 406 that names what could be had. */
export function negotiate(header: string | undefined, isOffered: (accepted: Accepted) => boolean): Accepted {
  if (header === undefined || header.trim() === '') return plainJson
  const ranges = header
    .split(',', maxRanges)
    .map(parseRange)
    .filter(({ quality }) => quality > 0)
    .sort((a, b) => b.quality - a.quality)
  for (const { accepted } of ranges) if (accepted !== undefined && isOffered(accepted)) return accepted
  throw notAcceptable(mediaTypes.filter((mediaType) => isOffered({ mediaType, as: 'object' })))
}

function parseRange(range: string): { readonly accepted: Accepted | undefined; readonly quality: number } {
  const [type = '', ...rest] = range.split(';').map((part) => part.trim())
  const parameters = new Map(rest.map((part) => [part.split('=')[0]!.toLowerCase(), part.split('=')[1] ?? '']))
  const quality = parameters.has('q') ? Number(parameters.get('q')) || 0 : 1
  const mediaType = mediaTypeOf(type.toLowerCase())
  const as = formOf(parameters)
  return { quality, accepted: mediaType === undefined || as === undefined ? undefined : { mediaType, as } }
}

function mediaTypeOf(type: string): MediaType | undefined {
  return type === '*/*' || type === 'application/*' ? 'application/json' : mediaTypes.find((known) => known === type)
}

function formOf(parameters: ReadonlyMap<string, string>): Accepted['as'] | undefined {
  const as = parameters.get('as')
  if (as === undefined) return 'object'
  const kind = `${parameters.get('g')}/${parameters.get('v')}/${as}`
  if (kind === 'meta.k8s.io/v1/Table') return 'Table'
  if (kind === 'meta.k8s.io/v1/PartialObjectMetadata' || kind === 'meta.k8s.io/v1/PartialObjectMetadataList') return 'PartialObjectMetadata'
  return kind === 'apidiscovery.k8s.io/v2/APIGroupDiscoveryList' ? 'APIGroupDiscoveryList' : undefined
}
