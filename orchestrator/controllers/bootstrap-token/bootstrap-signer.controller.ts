import { createHmac } from 'node:crypto'
import { isExpired, readBootstrapToken } from '../../api/bootstrap-token.ts'
import type { BootstrapToken } from '../../api/bootstrap-token.ts'
import { CoreV1ConfigMap, CoreV1Secret } from '../../api/generated/kinds.ts'
import { keyOf } from '../../api/object.ts'
import type { InformerFactory } from '../../client/informer.ts'
import { watch } from '../controller.ts'
import type { ControllerDeclaration } from '../controller.ts'

const clusterInfo = { namespace: 'kube-public', name: 'cluster-info' }
const clusterInfoKey = `${clusterInfo.namespace}/${clusterInfo.name}`
const content = 'kubeconfig'
const signaturePrefix = 'jws-kubeconfig-'

/**
 * Signs the kubeconfig in `kube-public/cluster-info` with every bootstrap token that is for signing, so that a node which has such a token, and
 * nothing else, can tell that this is its cluster.
 */
export function createBootstrapSignerController({
  informers,
}: {
  readonly informers: InformerFactory
}): ControllerDeclaration<CoreV1ConfigMap> {
  const secrets = informers.informer(CoreV1Secret)
  return {
    name: 'bootstrap-signer',
    for: CoreV1ConfigMap,
    watches: [watch(CoreV1Secret, (secret) => (readBootstrapToken(secret) === undefined ? [] : [clusterInfoKey]))],
    async reconcile(configMap, { client, now }) {
      const { data = {}, metadata } = configMap
      if (keyOf(configMap) !== clusterInfoKey || metadata.deletionTimestamp !== undefined) return undefined
      const tokens = [...secrets.list()].map(readBootstrapToken).filter((token) => token !== undefined)
      const signing = tokens.filter((token) => token.canSign && !isExpired(token, now))

      const changes = planSignatures(data, signing)

      if (Object.keys(changes).length === 0) return undefined
      const { uid, resourceVersion } = metadata
      const body = { metadata: { uid, resourceVersion }, data: changes }
      await client.patch(CoreV1ConfigMap, clusterInfo, { type: 'application/merge-patch+json', body })
      return undefined
    },
  }
}

/** The members of `data` that change; null for a signature that goes. */
function planSignatures(data: Readonly<Record<string, string>>, tokens: readonly BootstrapToken[]): Record<string, string | null> {
  const text = data[content]
  const wanted = new Map(text === undefined ? [] : tokens.map((token) => [`${signaturePrefix}${token.id}`, signatureOf(text, token)]))
  const obsolete = Object.keys(data).filter((name) => name.startsWith(signaturePrefix) && !wanted.has(name))
  return Object.fromEntries([
    ...obsolete.map((name): [string, null] => [name, null]),
    ...[...wanted].filter(([name, signature]) => data[name] !== signature),
  ])
}

/** A JWS in compact form (RFC 7515), HS256 with the token's secret, its content left out. */
function signatureOf(text: string, { id, secret }: BootstrapToken): string {
  const encode = (value: string) => Buffer.from(value).toString('base64url')
  const header = encode(JSON.stringify({ alg: 'HS256', kid: id }))
  const signature = createHmac('sha256', secret)
    .update(`${header}.${encode(text)}`)
    .digest('base64url')
  return `${header}..${signature}`
}
