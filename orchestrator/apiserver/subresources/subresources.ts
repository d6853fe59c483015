import type { ServiceAccountTokens } from '../auth/service-account-tokens.ts'
import type { SubresourceHandler, Subresources } from '../rest/resources.ts'
import { binding } from './binding.ts'
import { eviction } from './eviction.ts'
import { approval, ephemeralContainers, finalize, resize, status } from './object-part.ts'
import { scale } from './scale.ts'
import { tokenHandler } from './token.ts'

/** Every subresource and who answers it; `streams` are those that a node answers. */
export function createSubresources(tokens: ServiceAccountTokens, streams: Readonly<Record<string, SubresourceHandler>>): Subresources {
  return new Map<string, SubresourceHandler>([
    ['status', status],
    ['scale', scale],
    ['pods/binding', binding],
    ['pods/eviction', eviction],
    ['pods/ephemeralcontainers', ephemeralContainers],
    ['pods/resize', resize],
    ['namespaces/finalize', finalize],
    ['serviceaccounts/token', tokenHandler(tokens)],
    ['certificatesigningrequests/approval', approval],
    ...Object.entries(streams),
  ])
}
