/** An answer that is not a success. API v2 sends the message as a JSON string, or as an object where `swaggerCode` is set. */
export class ApiError extends Error {
  readonly code = 'EALERTSAPI'
  readonly statusCode: number
  readonly swaggerCode: number | undefined

  constructor(statusCode: number, message: string, swaggerCode?: number) {
    super(message)
    this.statusCode = statusCode
    this.swaggerCode = swaggerCode
  }
}
