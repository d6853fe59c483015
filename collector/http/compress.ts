import { promisify } from 'node:util'
import { constants, gzip } from 'node:zlib'

const gzipAsync = promisify(gzip)

/** Answers from this size on are compressed. */
const minBytes = 4096

/** The body to send and its encoding: compressed where it is large and the client accepts gzip. */
export async function compress(
  body: string | Buffer,
  acceptEncoding: string,
): Promise<{ readonly body: string | Buffer; readonly encoding?: 'gzip' }> {
  if (body.length < minBytes || !/\bgzip\b(?!\s*;\s*q=0(?:\.0*)?\s*(?:,|$))/.test(acceptEncoding)) return { body }
  return { body: await gzipAsync(body, { level: constants.Z_BEST_SPEED }), encoding: 'gzip' }
}
