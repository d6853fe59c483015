import type { Clock } from '../../../lib/clock.ts'
import { bootstrapTokenKey, isExpired, readBootstrapToken } from '../../api/bootstrap-token.ts'
import type { KubeObject } from '../../api/object.ts'
import { digestOf } from './digest.ts'
import { authenticatedGroup, bootstrappersGroup, type User } from './user.ts'

export interface BootstrapTokensOptions {
  readonly clock: Clock
  /** Finds a Secret. */
  readonly find: (resource: 'secrets', namespace: string, name: string) => KubeObject | undefined
}

/** Who shows a bootstrap token, while its Secret is there and its time not over: what nodes have before they have a certificate. */
export class BootstrapTokens {
  readonly #options: BootstrapTokensOptions

  constructor(options: BootstrapTokensOptions) {
    this.#options = options
  }

  /** The user of `id.secret`; `undefined` for one that is not good. */
  verify(text: string): User | undefined {
    const [, id, secret] = /^([a-z0-9]{6})\.([a-z0-9]{16})$/.exec(text) ?? []
    if (id === undefined || secret === undefined) return undefined
    const { namespace, name } = bootstrapTokenKey(id)
    const found = this.#options.find('secrets', namespace, name)
    const token = found === undefined ? undefined : readBootstrapToken(found)
    if (token?.groups === undefined || !token.canAuthenticate || isExpired(token, this.#options.clock.now())) return undefined
    // Compared by digest, so that the time it takes says nothing about the secret.
    if (digestOf(token.secret) !== digestOf(secret)) return undefined
    return { name: `system:bootstrap:${id}`, groups: [...new Set([bootstrappersGroup, ...token.groups, authenticatedGroup])] }
  }
}
