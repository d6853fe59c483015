import { fromTimestamp } from '../../lib/clock.ts'
import type { CoreV1Secret } from './generated/kinds.ts'

/** A token that a node shows before it has a certificate, or by which it knows the cluster: a Secret in `kube-system`, as upstream keeps it. */
export interface BootstrapToken {
  /** The public half, 6 characters. */
  readonly id: string
  /** The other half, 16 characters. */
  readonly secret: string
  /** Milliseconds since the epoch; `undefined` for one that stays, 0 where the time given cannot be read. */
  readonly expiresAtMs: number | undefined
  readonly canAuthenticate: boolean
  readonly canSign: boolean
  /** Beside `system:bootstrappers`; `undefined` where one is not a group that a token may give. */
  readonly groups: readonly string[] | undefined
}

const secretType = 'bootstrap.kubernetes.io/token'
const namePrefix = 'bootstrap-token-'
const groupPattern = /^system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]$/

/** Where a token's Secret is. */
export const bootstrapTokenKey = (id: string) => ({ namespace: 'kube-system', name: `${namePrefix}${id}` })

/** The token that a Secret is, `undefined` for one that is none, that contradicts itself or that is being deleted. */
export function readBootstrapToken({ type, metadata, data = {} }: CoreV1Secret): BootstrapToken | undefined {
  if (type !== secretType || metadata.namespace !== 'kube-system' || metadata.deletionTimestamp !== undefined) return undefined
  const text = (field: string) => Buffer.from(data[field] ?? '', 'base64').toString()
  const id = text('token-id')
  const secret = text('token-secret')
  if (!/^[a-z0-9]{6}$/.test(id) || metadata.name !== `${namePrefix}${id}` || !/^[a-z0-9]{16}$/.test(secret)) return undefined
  const expiration = text('expiration')
  const groups = text('auth-extra-groups')
    .split(',')
    .filter((group) => group !== '')
  return {
    id,
    secret,
    expiresAtMs: expiration === '' ? undefined : (fromTimestamp(expiration) ?? 0),
    canAuthenticate: text('usage-bootstrap-authentication') === 'true',
    canSign: text('usage-bootstrap-signing') === 'true',
    groups: groups.every((group) => groupPattern.test(group)) ? groups : undefined,
  }
}

/** Whether a token's time is over. */
export const isExpired = ({ expiresAtMs }: BootstrapToken, now: number): boolean => expiresAtMs !== undefined && expiresAtMs <= now

/** The Secret of a token that joins hosts: it authenticates, and vouches for the cluster. */
export function newBootstrapToken(token: {
  readonly id: string
  readonly secret: string
  /** RFC 3339; `undefined` for one that stays. */
  readonly expiresAt: string | undefined
  readonly description: string | undefined
}): CoreV1Secret {
  const { id, secret, expiresAt, description } = token
  const fields = {
    'token-id': id,
    'token-secret': secret,
    'usage-bootstrap-authentication': 'true',
    'usage-bootstrap-signing': 'true',
    ...(expiresAt === undefined ? {} : { expiration: expiresAt }),
    ...(description === undefined ? {} : { description }),
  }
  const data = Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, Buffer.from(value).toString('base64')]))
  return { apiVersion: 'v1', kind: 'Secret', type: secretType, metadata: bootstrapTokenKey(id), data }
}
