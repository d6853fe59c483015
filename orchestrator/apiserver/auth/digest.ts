import { createHash } from 'node:crypto'

/** A token's digest: what secrets are kept and looked up by. */
export function digestOf(secret: string): string {
  return createHash('sha256').update(secret).digest('base64')
}
