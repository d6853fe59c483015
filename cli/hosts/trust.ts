import { createHash, createHmac, timingSafeEqual, X509Certificate } from 'node:crypto'
import { parse } from 'yaml'
import { isNotFound } from '../../orchestrator/api/status-error.ts'
import { CoreV1ConfigMap } from '../../orchestrator/api/generated/kinds.ts'
import type { Client } from '../../orchestrator/client/client.ts'
import { JoinError } from './join-error.ts'

/** Both halves of a bootstrap token. */
export interface Token {
  readonly id: string
  readonly secret: string
}

/** `sha256:` and the digest of an authority's public key, as kubeadm writes it. */
export function hashOfAuthority(pem: string): string {
  const key = new X509Certificate(pem).publicKey.export({ type: 'spki', format: 'der' })
  return `sha256:${createHash('sha256').update(key).digest('hex')}`
}

/**
 * The authority that `kube-public/cluster-info` names, read over a connection that nobody vouches for: taken only if its key has the hash that was
 * given, and if who wrote it knows the token. Throws a `JoinError`.
 */
export async function discoverAuthority(client: Client, token: Token, hash: string): Promise<string> {
  const info = await client.get(CoreV1ConfigMap, { namespace: 'kube-public', name: 'cluster-info' }).catch((error: unknown) => {
    if (isNotFound(error)) throw new JoinError('the server has no kube-public/cluster-info: is it the API server of a cluster?')
    throw error
  })
  const { kubeconfig = '', [`jws-kubeconfig-${token.id}`]: signature } = info.data ?? {}
  const authority = authoritiesOf(kubeconfig).find((pem) => hashOfAuthority(pem) === hash)
  // The hash that is there is not told: whoever copies it would trust somebody who may pose as the cluster.
  if (authority === undefined) throw new JoinError(`--ca-hash: ${JSON.stringify(hash)} is not that of the authority at this server`)
  if (signature === undefined) throw new JoinError(`--token: the cluster knows no token ${token.id}, or its time is over: ${advice}`)
  if (!isSignedWith(token, kubeconfig, signature)) throw new JoinError(`--token: the secret half of token ${token.id} is wrong: ${advice}`)
  return authority
}

const advice = '`npx binnacle token create` on the host of the server makes another'

function authoritiesOf(kubeconfig: string): string[] {
  const { clusters } = parse(kubeconfig) as {
    readonly clusters?: readonly { readonly cluster?: { readonly 'certificate-authority-data'?: string } }[]
  }
  const text = Buffer.from(clusters?.[0]?.cluster?.['certificate-authority-data'] ?? '', 'base64').toString()
  return text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n?/g) ?? []
}

/** Whether a detached JWS (RFC 7515, HS256) over `content` was made with the token's secret. */
function isSignedWith({ id, secret }: Token, content: string, signature: string): boolean {
  const [header = '', , digest = ''] = signature.split('.')
  const { alg, kid } = JSON.parse(Buffer.from(header, 'base64url').toString()) as { readonly alg?: string; readonly kid?: string }
  if (alg !== 'HS256' || kid !== id) return false
  const expected = createHmac('sha256', secret)
    .update(`${header}.${Buffer.from(content).toString('base64url')}`)
    .digest()
  const given = Buffer.from(digest, 'base64url')
  return given.length === expected.length && timingSafeEqual(given, expected)
}
