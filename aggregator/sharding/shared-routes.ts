import type { FastifyInstance } from 'fastify'
import type { Sharding } from './sharding.ts'

/** Requests with this header are answered from what is here alone. Peers and this member itself use it. */
export const localOnlyHeader = 'x-binnacle-local'

export interface SharedRoutesOptions {
  readonly sharding: Sharding
  /** The node that a pod is bound to. */
  readonly nodeOfPod: (namespace: string, pod: string) => string | undefined
}

/** Who can answer a path of the model API: one member, or all together. */
type Place = { readonly member: string | undefined } | 'everybody'

const modelRoot = '/api/v1/model/'
const sourcesPath = '/api/v1/sources'

/**
 * Makes any member's HTTP interface answer for all nodes: a request about a node or a pod is answered by the member that scrapes the node,
 * one about a namespace, a workload or the cluster by the one that adds up the totals, and lists by all of them. A member that gives no
 * answer in time makes it a 503 that names it: half an answer would pass for a whole one.
 */
export function registerSharedRoutes(server: FastifyInstance, options: SharedRoutesOptions): void {
  const { sharding } = options
  server.addHook('onRequest', async (request, reply) => {
    const [path = ''] = request.url.split('?')
    if (request.headers[localOnlyHeader] !== undefined || sharding.members().length < 2) return
    const place = path.replace(/\/$/, '') === sourcesPath ? 'everybody' : path.startsWith(modelRoot) ? placeOf(path, options) : undefined
    if (place === undefined) return
    try {
      const answer =
        place === 'everybody' ? merge(await sharding.askEverybody(request.url)) : await sharding.ask(place.member ?? '', request.url)
      // What the member refused (a bad parameter) is refused here in the same words.
      if (answer !== undefined) return await reply.send(answer)
    } catch (error) {
      return reply
        .code(503)
        .type('text/plain; charset=utf-8')
        .send(`${(error as Error).message}\n`)
    }
  })
}

function placeOf(path: string, { sharding, nodeOfPod }: SharedRoutesOptions): Place {
  const [kind, name, part, pod] = path.slice(modelRoot.length).split('/').filter(Boolean).map(decode)
  if (kind === 'nodes') return name === undefined ? 'everybody' : { member: sharding.ownerOfNode(name) }
  if (kind === 'debug') return 'everybody'
  if (kind !== 'namespaces') return { member: sharding.totalsOwner }
  if (name === undefined || (part === 'pods' && pod === undefined) || part === 'pod-list') return 'everybody'
  if (part !== 'pods') return { member: sharding.totalsOwner }
  const node = nodeOfPod(name, pod!)
  return node === undefined ? 'everybody' : { member: sharding.ownerOfNode(node) }
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}

/** Lists become one sorted list; of results the one that has samples is taken; lists inside of objects are joined. */
function merge(answers: readonly unknown[]): unknown {
  if (answers.every((answer) => Array.isArray(answer))) return [...new Set(answers.flat() as string[])].sort()
  const objects = answers as readonly Readonly<Record<string, unknown>>[]
  const [first = {}] = objects
  if (Array.isArray(first['metrics'])) return objects.find(hasSamples) ?? first
  if (Array.isArray(first['items'])) return { items: first['items'].map((item, index) => itemAt(objects, index) ?? item) }
  const names = [...new Set(objects.flatMap((object) => Object.keys(object)))]
  return Object.fromEntries(
    names.map((name) => [name, Array.isArray(first[name]) ? objects.flatMap((object) => object[name] ?? []) : first[name]]),
  )
}

function itemAt(objects: readonly Readonly<Record<string, unknown>>[], index: number): unknown {
  return objects
    .map((object) => (object['items'] as readonly Readonly<Record<string, unknown>>[])[index])
    .find((item) => item !== undefined && hasSamples(item))
}

function hasSamples(result: Readonly<Record<string, unknown>>): boolean {
  return Array.isArray(result['metrics']) && result['metrics'].length > 0
}
