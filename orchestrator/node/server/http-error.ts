/** An answer that is not what was asked for: plain text, as the kubelet's. */
export class HttpError extends Error {
  readonly statusCode: number

  constructor(statusCode: number, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'HttpError'
    this.statusCode = statusCode
  }
}

/** The status code that an error is answered with. */
export const statusCodeOf = (error: unknown): number => (error instanceof HttpError ? error.statusCode : 500)

/** A path segment without its percent signs; an `HttpError` 400 where they are wrong. */
export function decodePart(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch (error) {
    throw new HttpError(400, `path segment "${part}" is malformed`, { cause: error })
  }
}
