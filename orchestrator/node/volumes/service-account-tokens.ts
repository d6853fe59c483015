import { fromTimestamp } from '../../../lib/clock.ts'
import type { Clock } from '../../../lib/clock.ts'
import { CoreV1ServiceAccount } from '../../api/generated/kinds.ts'
import type { AuthenticationV1TokenRequest, CoreV1Pod } from '../../api/generated/kinds.ts'
import type { Client } from '../../client/client.ts'

/** A token and when it is due for the next one. */
export interface BoundToken {
  readonly token: string
  readonly expiresAtMs: number
  readonly refreshAtMs: number
}

export interface TokenSource {
  /** A token of the pod's service account, bound to the pod. The same one until it is due. */
  token(pod: CoreV1Pod, audience: string | undefined, expirationSeconds: number | undefined): Promise<BoundToken>
  /** Drops the tokens of a pod that is gone. */
  forget(podUid: string): void
}

const defaultExpirationSeconds = 3600
/** A token is replaced when this part of its life is over. */
const refreshFraction = 0.8
/** No token is kept longer than this, however long it would live. */
const maxAgeMs = 24 * 3_600_000

/** Tokens through the TokenRequest API, kept in memory only. */
export function createTokenSource({ client, clock }: { readonly client: Client; readonly clock: Clock }): TokenSource {
  const kept = new Map<string, Map<string, BoundToken>>()
  return {
    token: async (pod, audience, expirationSeconds = defaultExpirationSeconds) => {
      const uid = pod.metadata.uid!
      const key = JSON.stringify([pod.spec.serviceAccountName, audience, expirationSeconds])
      const known = kept.get(uid)?.get(key)
      if (known !== undefined && clock.now() < known.refreshAtMs) return known
      const next = await request(client, clock, { pod, audience, expirationSeconds })
      const tokens = kept.get(uid) ?? new Map<string, BoundToken>()
      kept.set(uid, tokens.set(key, next))
      return next
    },
    forget: (podUid) => {
      kept.delete(podUid)
    },
  }
}

async function request(
  client: Client,
  clock: Clock,
  wanted: { readonly pod: CoreV1Pod; readonly audience: string | undefined; readonly expirationSeconds: number },
): Promise<BoundToken> {
  const { namespace, name, uid } = wanted.pod.metadata
  const account = wanted.pod.spec.serviceAccountName ?? 'default'
  const body: AuthenticationV1TokenRequest = {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    metadata: {},
    spec: {
      audiences: wanted.audience === undefined || wanted.audience === '' ? [] : [wanted.audience],
      expirationSeconds: wanted.expirationSeconds,
      boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: name!, uid: uid! },
    },
  }
  const key = { namespace: namespace!, name: account }
  const answer = await client.createSubresource<AuthenticationV1TokenRequest>(CoreV1ServiceAccount, key, 'token', body)
  if (answer.status === undefined)
    throw new Error(`the API server answered a token request for service account ${namespace}/${account} without a token`)
  const now = clock.now()
  const expiresAtMs = fromTimestamp(answer.status.expirationTimestamp) ?? now + wanted.expirationSeconds * 1000
  return { token: answer.status.token, expiresAtMs, refreshAtMs: Math.min(now + (expiresAtMs - now) * refreshFraction, now + maxAgeMs) }
}
