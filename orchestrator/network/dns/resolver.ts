import type { Answer } from 'dns-packet'
import type { Log } from '../../../lib/log.ts'
import type { Random } from '../../../lib/random.ts'
import type { Forwarder, Transport } from './forwarder.ts'
import { emptyReply, readAnswers, readQuery, udpLimit, writeQuery, writeRefusal, writeReply } from './message.ts'
import type { Query, Reply } from './message.ts'
import type { Zone, ZoneReply } from './zone.ts'

/** Answers DNS messages: the cluster's names from the zone, others from the forwarder. */
export interface Resolver {
  /** The response, or `undefined` where the message is to be ignored. Never rejects. */
  answer(message: Buffer, transport: Transport): Promise<Buffer | undefined>
}

export interface ResolverOptions {
  readonly zone: Zone
  readonly forwarder: Forwarder
  readonly random: Random
  readonly log: Log
}

/** How many CNAMEs of Services are followed: a chain of ExternalNames may lead in a circle. */
const maxAliases = 8
const maxTcpBytes = 65_535

/** Builds the resolver. */
export function createResolver({ zone, forwarder, random, log }: ResolverOptions): Resolver {
  let isLoopReported = false

  async function respond(query: Query, transport: Transport): Promise<Buffer> {
    const limitBytes = transport === 'tcp' ? maxTcpBytes : udpLimit(query)
    const own = zone.resolve(query)
    if (own !== undefined) return writeReply(query, shuffled(await complete(own, query), random), limitBytes)
    if (forwarder.isOwnQuery(query)) {
      if (!isLoopReported) log.warn({ name: query.name }, "an upstream resolver sends its queries back here: check the host's resolv.conf")
      isLoopReported = true
      return writeReply(query, emptyReply('REFUSED'), limitBytes)
    }
    if (!query.isRecursionDesired) return writeReply(query, emptyReply('REFUSED'), limitBytes)
    return (await forwarder.forward(query, transport)) ?? writeReply(query, emptyReply('SERVFAIL'), limitBytes)
  }

  /** Follows the CNAME of an ExternalName Service, inside the zone or outside, so that one question is enough. */
  async function complete(reply: ZoneReply, query: Query): Promise<Reply> {
    const answers: Answer[] = [...reply.answers]
    let pending = reply.pending
    for (let aliases = 0; pending !== undefined; aliases++) {
      if (aliases === maxAliases) return { ...reply, ...emptyReply('SERVFAIL') }
      const next = zone.resolve({ labels: pending.split('.'), name: pending, type: query.type })
      if (next === undefined) return { ...reply, answers: [...answers, ...(await resolveOutside(pending, query))] }
      answers.push(...next.answers)
      pending = next.pending
    }
    return { ...reply, answers }
  }

  async function resolveOutside(name: string, query: Query): Promise<readonly Answer[]> {
    if (query.type !== 'A' && query.type !== 'AAAA') return []
    const asked = readQuery(writeQuery({ name, type: query.type }, Math.floor(random.fraction() * 0x1_0000)))
    if (asked === undefined || typeof asked === 'string') return []
    const reply = await forwarder.forward(asked, 'udp')
    return reply === undefined ? [] : (readAnswers(reply) ?? [])
  }

  return {
    async answer(message, transport) {
      const query = readQuery(message)
      if (query === undefined) return undefined
      if (typeof query === 'string') return writeRefusal(message, query)
      try {
        return await respond(query, transport)
      } catch (error) {
        log.debug({ err: error, name: query.name }, 'query failed')
        return writeReply(query, emptyReply('SERVFAIL'), udpLimit(query))
      }
    },
  }
}

/** Clients take the first address: several are given in another order each time. */
function shuffled(reply: Reply, random: Random): Reply {
  if (reply.answers.length < 2 || reply.answers.some(({ type }) => type !== 'A')) return reply
  const answers = [...reply.answers]
  for (let i = answers.length - 1; i > 0; i--) {
    const j = Math.floor(random.fraction() * (i + 1))
    ;[answers[i], answers[j]] = [answers[j]!, answers[i]!]
  }
  return { ...reply, answers }
}
