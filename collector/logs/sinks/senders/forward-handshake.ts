import { createHash, timingSafeEqual } from 'node:crypto'
import { decode, encode } from '@msgpack/msgpack'
import type { Connection } from '../connection.ts'
import { SendError } from '../sink.ts'

export interface ForwardCredentials {
  readonly sharedKey: string
  readonly user: string
  readonly password: string
  readonly hostname: string
  readonly salt: string
}

const maxMessageBytes = 16 << 10

/** The client's half of the forward protocol's handshake: each side proves to know the shared key without saying it. Rejects when the other does not. */
export async function shakeHands(connection: Connection, credentials: ForwardCredentials): Promise<void> {
  const { sharedKey, user, password, hostname, salt } = credentials
  const [hello, options] = await readMessage(connection)
  const { nonce, auth } = (options ?? {}) as { readonly nonce?: unknown; readonly auth?: unknown }
  if (hello !== 'HELO') throw new SendError('the receiver does not begin with HELO: it wants no shared key')
  const [nonceBytes, authSalt] = [bytesOf(nonce), bytesOf(auth)]
  const digest = (...parts: readonly (string | Buffer)[]) => {
    const hash = createHash('sha512')
    for (const part of parts) hash.update(part)
    return hash.digest('hex')
  }
  const passwordDigest = authSalt.length === 0 ? '' : digest(authSalt, user, password)
  const ping = ['PING', hostname, salt, digest(salt, hostname, nonceBytes, sharedKey), authSalt.length === 0 ? '' : user, passwordDigest]
  await connection.write(Buffer.from(encode(ping)))
  const [pong, isWelcome, reason, serverName, serverDigest] = await readMessage(connection)
  if (pong !== 'PONG' || isWelcome !== true) throw new SendError(`the receiver refuses us: ${String(reason).slice(0, 200)}`)
  const expected = digest(salt, String(serverName), nonceBytes, sharedKey)
  const given = Buffer.from(String(serverDigest))
  if (given.length !== expected.length || !timingSafeEqual(given, Buffer.from(expected))) {
    throw new SendError('the receiver does not know the shared key')
  }
}

function bytesOf(value: unknown): Buffer {
  if (typeof value === 'string') return Buffer.from(value)
  return value instanceof Uint8Array ? Buffer.from(value) : Buffer.alloc(0)
}

/** One array. */
async function readMessage(connection: Connection): Promise<readonly unknown[]> {
  let received = Buffer.alloc(0)
  while (received.length < maxMessageBytes) {
    received = Buffer.concat([received, await connection.read()])
    try {
      const message = decode(received)
      if (Array.isArray(message)) return message as readonly unknown[]
      break
    } catch (error) {
      // The bytes end within the message.
      if (!(error instanceof RangeError)) break
    }
  }
  throw new SendError('the receiver does not speak the forward protocol')
}
