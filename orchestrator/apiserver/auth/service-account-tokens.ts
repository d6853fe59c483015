import { createHash, createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'
import type { JWTPayload } from 'jose'
// The library whole brings encryption and key sets, which is 9 MB.
import { SignJWT } from 'jose/jwt/sign'
import { jwtVerify } from 'jose/jwt/verify'
import type { Clock } from '../../../lib/clock.ts'
import type { Random } from '../../../lib/random.ts'
import type { KubeObject } from '../../api/object.ts'
import { digestOf } from './digest.ts'
import { authenticatedGroup, type User } from './user.ts'

export interface ServiceAccountTokensOptions {
  /** PEM of the private key, EC P-256 or RSA. */
  readonly signingKey: string
  readonly issuer: string
  readonly clock: Clock
  readonly random: Random
  /** Finds the objects that a token names, so that it ends with them: `resource` is `serviceaccounts`, `pods`, `secrets` or `nodes`. */
  readonly find: (resource: string, namespace: string, name: string) => KubeObject | undefined
}

/** Something that a token is good for only as long as it is there. */
export interface BoundObject {
  readonly resource: 'pods' | 'secrets' | 'nodes'
  readonly name: string
  readonly uid: string
}

/** What a token is to say. */
export interface TokenRequest {
  readonly namespace: string
  readonly name: string
  readonly uid: string
  readonly audiences: readonly string[]
  readonly expirationSeconds: number
  readonly bound?: BoundObject
}

/** The private claim, as upstream's. */
interface KubernetesClaim {
  readonly namespace?: string
  readonly serviceaccount?: Reference
  readonly pod?: Reference
  readonly secret?: Reference
  readonly node?: Reference
}

interface Reference {
  readonly name: string
  readonly uid: string
}

interface Verified {
  readonly payload: JWTPayload
  readonly expiresAtMs: number
}

/** So many verified tokens are remembered: checking a signature costs more than a request. */
const maxRemembered = 10_000

/** Signs and verifies the tokens of service accounts. */
export class ServiceAccountTokens {
  readonly #options: ServiceAccountTokensOptions
  readonly #privateKey: KeyObject
  readonly #publicKey: KeyObject
  readonly #algorithm: string
  readonly #keyId: string
  readonly #remembered = new Map<string, Verified>()

  constructor(options: ServiceAccountTokensOptions) {
    this.#options = options
    this.#privateKey = createPrivateKey(options.signingKey)
    this.#publicKey = createPublicKey(this.#privateKey)
    this.#algorithm = this.#privateKey.asymmetricKeyType === 'rsa' ? 'RS256' : 'ES256'
    this.#keyId = createHash('sha256')
      .update(this.#publicKey.export({ type: 'spki', format: 'der' }))
      .digest('base64url')
  }

  get issuer(): string {
    return this.#options.issuer
  }

  /** What `/openid/v1/jwks` shows. */
  jwks(): object {
    return { keys: [{ ...this.#publicKey.export({ format: 'jwk' }), kid: this.#keyId, alg: this.#algorithm, use: 'sig' }] }
  }

  /** What `/.well-known/openid-configuration` shows. */
  configuration(): object {
    const { issuer } = this.#options
    return {
      issuer,
      jwks_uri: `${issuer}/openid/v1/jwks`,
      response_types_supported: ['id_token'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: [this.#algorithm],
    }
  }

  async issue({
    namespace,
    name,
    uid,
    audiences,
    expirationSeconds,
    bound,
  }: TokenRequest): Promise<{ readonly token: string; readonly expiresAtMs: number }> {
    const { issuer, clock, random } = this.#options
    const now = Math.floor(clock.now() / 1000)
    const claim: KubernetesClaim = {
      namespace,
      serviceaccount: { name, uid },
      ...(bound === undefined ? {} : { [bound.resource.slice(0, -1)]: { name: bound.name, uid: bound.uid } }),
    }
    const expires = now + expirationSeconds
    const token = await new SignJWT({ 'kubernetes.io': claim })
      .setProtectedHeader({ alg: this.#algorithm, kid: this.#keyId })
      .setIssuer(issuer)
      .setSubject(userNameOf(namespace, name))
      .setAudience([...(audiences.length > 0 ? audiences : [issuer])])
      .setIssuedAt(now)
      .setNotBefore(now)
      .setExpirationTime(expires)
      .setJti(random.uuid())
      .sign(this.#privateKey)
    return { token, expiresAtMs: expires * 1000 }
  }

  /** The user of a token that we issued for one of `audiences`, while its service account and bound object exist. */
  async verify(token: string, audiences: readonly string[] = [this.#options.issuer]): Promise<User | undefined> {
    const verified = await this.#verifySignature(token)
    if (verified === undefined || verified.expiresAtMs <= this.#options.clock.now()) return undefined
    const { payload } = verified
    const given = Array.isArray(payload.aud) ? payload.aud : [payload.aud ?? '']
    return audiences.some((audience) => given.includes(audience)) ? this.#userOf(payload) : undefined
  }

  async #verifySignature(token: string): Promise<Verified | undefined> {
    const digest = digestOf(token)
    const known = this.#remembered.get(digest)
    if (known !== undefined) return known
    try {
      const { payload } = await jwtVerify(token, this.#publicKey, {
        issuer: this.#options.issuer,
        algorithms: [this.#algorithm],
        currentDate: new Date(this.#options.clock.now()),
        requiredClaims: ['exp', 'sub', 'aud'],
      })
      const verified = { payload, expiresAtMs: payload.exp! * 1000 }
      if (this.#remembered.size >= maxRemembered) this.#remembered.clear()
      this.#remembered.set(digest, verified)
      return verified
    } catch {
      return undefined
    }
  }

  #userOf(payload: JWTPayload): User | undefined {
    const claim = (payload['kubernetes.io'] ?? {}) as KubernetesClaim
    const { namespace, serviceaccount } = claim
    if (namespace === undefined || serviceaccount === undefined) return undefined
    if (this.#options.find('serviceaccounts', namespace, serviceaccount.name)?.metadata.uid !== serviceaccount.uid) return undefined
    const extra: Record<string, readonly string[]> = { 'authentication.kubernetes.io/credential-id': [`JTI=${payload.jti}`] }
    for (const bound of ['pod', 'secret', 'node'] as const) {
      const reference = claim[bound]
      if (reference === undefined) continue
      const found = this.#options.find(`${bound}s`, bound === 'node' ? '' : namespace, reference.name)
      if (found?.metadata.uid !== reference.uid) return undefined
      if (bound !== 'secret') {
        extra[`authentication.kubernetes.io/${bound}-name`] = [reference.name]
        extra[`authentication.kubernetes.io/${bound}-uid`] = [reference.uid]
      }
    }
    return { name: userNameOf(namespace, serviceaccount.name), uid: serviceaccount.uid, groups: groupsOf(namespace), extra }
  }
}

const userNameOf = (namespace: string, name: string) => `system:serviceaccount:${namespace}:${name}`
const groupsOf = (namespace: string) => ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, authenticatedGroup]
