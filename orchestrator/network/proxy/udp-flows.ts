import type { Log } from '../../../lib/log.ts'
import { CommandError } from '../command.ts'
import type { RunCommand } from '../command.ts'
import type { ServicePort } from './service-ports.plan.ts'

/**
 * UDP has no end of a connection: a client that keeps its port would be sent to an endpoint that is gone for as long as the
 * kernel remembers the flow. So such flows are dropped when an endpoint leaves.
 */
export interface UdpFlows {
  /** Drops the flows to endpoints that `previous` has and `next` has not. Never rejects. */
  forget(previous: readonly ServicePort[], next: readonly ServicePort[]): Promise<void>
}

/** UDP endpoints of `previous` that `next` no longer has, as the addresses and ports to forget, without repetition. */
function planForgottenFlows(previous: readonly ServicePort[], next: readonly ServicePort[]): readonly (readonly string[])[] {
  const kept = new Map(next.filter(isUdp).map((port) => [port.id, port]))
  const found = new Map<string, readonly string[]>()
  for (const port of previous.filter(isUdp)) {
    const left = new Set(kept.get(port.id)?.backends.map(({ address }) => address))
    for (const { address } of port.backends) {
      if (left.has(address)) continue
      for (const clusterIp of port.clusterIps) {
        found.set(`${clusterIp} ${address}`, ['-D', '-p', 'udp', '--orig-dst', clusterIp, '--reply-src', address])
      }
    }
  }
  return [...found.values()]
}

/** Forgets flows with the `conntrack` program; where that is not installed says so once and does nothing. */
export function createUdpFlows({ run, log }: { readonly run: RunCommand; readonly log: Log }): UdpFlows {
  let isMissing = false
  return {
    async forget(previous, next) {
      for (const args of planForgottenFlows(previous, next)) {
        if (isMissing) return
        try {
          await run('conntrack', args)
        } catch (error) {
          // It also fails when there was nothing to forget, which is the usual case.
          isMissing = error instanceof CommandError && error.code === 'ENOENT'
          if (isMissing) log.info({}, 'conntrack is not installed: UDP clients of an endpoint that goes may wait up to two minutes')
        }
      }
    },
  }
}

function isUdp(port: ServicePort): boolean {
  return port.protocol === 'udp'
}
