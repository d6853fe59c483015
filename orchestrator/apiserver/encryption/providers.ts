import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'

/** The providers of upstream that there are; `identity` keeps values as they are. */
export const providerKinds = ['aesgcm', 'aescbc', 'identity'] as const
export type CipherKind = Exclude<(typeof providerKinds)[number], 'identity'>

/** Lengths of AES keys, in bytes. */
export const keyLengths: readonly number[] = [16, 24, 32]

/** One key of a provider. A value that it encrypts begins with `prefix`, as upstream's do. */
export interface CipherKey {
  readonly prefix: string
  encrypt(plain: Buffer, key: string): Buffer
  /** Throws for what was not encrypted with this key, or under another `key` of the store. */
  decrypt(sealed: Buffer, key: string): Buffer
}

/** What every encrypted value begins with. */
export const sealedPrefix = 'k8s:enc:'

const nonceLength = 12
const tagLength = 16
const blockLength = 16

/** The key `secret` of a provider, under the name by which values tell what they were encrypted with. */
export function cipherKey(kind: CipherKind, name: string, secret: Buffer): CipherKey {
  const prefix = `${sealedPrefix}${kind}:v1:${name}:`
  return kind === 'aesgcm' ? gcmKey(prefix, secret) : cbcKey(prefix, secret)
}

/** AES-GCM: prefix, nonce, encrypted value, tag. The key of the store is authenticated, so a value cannot be put in another's place. */
function gcmKey(prefix: string, secret: Buffer): CipherKey {
  const head = Buffer.from(prefix)
  const algorithm = `aes-${secret.length * 8}-gcm` as 'aes-256-gcm'
  return {
    prefix,
    encrypt(plain, key) {
      const nonce = randomBytes(nonceLength)
      const cipher = createCipheriv(algorithm, secret, nonce).setAAD(Buffer.from(key))
      return Buffer.concat([head, nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()])
    },
    decrypt(sealed, key) {
      const body = sealed.subarray(head.length)
      if (body.length < nonceLength + tagLength) throw new Error('the value is cut short')
      const decipher = createDecipheriv(algorithm, secret, body.subarray(0, nonceLength)).setAAD(Buffer.from(key))
      decipher.setAuthTag(body.subarray(-tagLength))
      return Buffer.concat([decipher.update(body.subarray(nonceLength, -tagLength)), decipher.final()])
    },
  }
}

/** AES-CBC with PKCS #7 padding: prefix, initialization vector, encrypted value. */
function cbcKey(prefix: string, secret: Buffer): CipherKey {
  const head = Buffer.from(prefix)
  const algorithm = `aes-${secret.length * 8}-cbc`
  return {
    prefix,
    encrypt(plain) {
      const vector = randomBytes(blockLength)
      const cipher = createCipheriv(algorithm, secret, vector)
      return Buffer.concat([head, vector, cipher.update(plain), cipher.final()])
    },
    decrypt(sealed) {
      const body = sealed.subarray(head.length)
      const decipher = createDecipheriv(algorithm, secret, body.subarray(0, blockLength))
      return Buffer.concat([decipher.update(body.subarray(blockLength)), decipher.final()])
    },
  }
}
