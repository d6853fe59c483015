import type { IncomingMessage } from 'node:http'
import { tooLarge } from '../../api/status-error.ts'
import type { RequestBody } from '../request.ts'

/** Upstream's limit for a request's body. */
export const maxBodyBytes = 3 * 1024 * 1024

/** Reads a request's body. Rejects with 413 as soon as it is known to be too large. */
export async function readBody(request: IncomingMessage): Promise<RequestBody | undefined> {
  if (Number(request.headers['content-length'] ?? 0) > maxBodyBytes) throw tooLarge(maxBodyBytes)
  const pieces: Buffer[] = []
  let length = 0
  for await (const piece of request as AsyncIterable<Buffer>) {
    length += piece.length
    if (length > maxBodyBytes) throw tooLarge(maxBodyBytes)
    pieces.push(piece)
  }
  if (length === 0) return undefined
  return { bytes: pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces), contentType: request.headers['content-type'] ?? '' }
}
