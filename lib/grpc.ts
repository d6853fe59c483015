import type { Client, ServiceError } from '@grpc/grpc-js'
import type { Clock } from './clock.ts'
import { lazyPackage } from './lazy-package.ts'
import type { MessageCodec } from './protobuf-messages.ts'

const grpcLibrary = lazyPackage<typeof import('@grpc/grpc-js')>('@grpc/grpc-js')

/** One method of a gRPC service that takes one message and answers one. */
export interface UnaryMethod {
  /** `/package.Service/Method`. */
  readonly path: string
  readonly request: MessageCodec
  readonly response: MessageCodec
}

/** Status codes of gRPC that callers tell apart. */
export const grpcStatus = {
  cancelled: 1,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  alreadyExists: 6,
  resourceExhausted: 8,
  failedPrecondition: 9,
  aborted: 10,
  outOfRange: 11,
  unimplemented: 12,
  unavailable: 14,
} as const

/** A call that did not succeed. `message` is the server's own, after the words of the code. */
export class GrpcError extends Error {
  readonly code: number
  readonly details: string

  constructor(code: number, details: string, options?: ErrorOptions) {
    super(`rpc error: code = ${codeNames[code] ?? code} desc = ${details}`, options)
    this.code = code
    this.details = details
  }
}

const codeNames: Readonly<Record<number, string>> = {
  1: 'Canceled',
  2: 'Unknown',
  3: 'InvalidArgument',
  4: 'DeadlineExceeded',
  5: 'NotFound',
  6: 'AlreadyExists',
  7: 'PermissionDenied',
  8: 'ResourceExhausted',
  9: 'FailedPrecondition',
  10: 'Aborted',
  11: 'OutOfRange',
  12: 'Unimplemented',
  13: 'Internal',
  14: 'Unavailable',
  15: 'DataLoss',
  16: 'Unauthenticated',
}

/** A connection to one server, made with the first call and again after it was lost. */
export interface GrpcChannel {
  /** Rejects with a `GrpcError`: the server's, `unavailable` where none answers, `deadlineExceeded` after `timeoutMs`. Nothing is sent twice. */
  call(method: UnaryMethod, message: object, timeoutMs: number): Promise<object>
  close(): void
}

const firstReconnectMs = 100
const lastReconnectMs = 2_000

/** By which both sides know each other, as PEM. */
export interface GrpcTls {
  readonly ca: string
  readonly cert: string
  readonly key: string
}

/** A channel to `unix:/path` or `host:port`; without TLS unless it is given. */
export function openGrpcChannel(target: string, clock: Clock, tls?: GrpcTls): GrpcChannel {
  const grpc = grpcLibrary()
  const client: Client = new grpc.Client(target.includes('/') ? target : `dns:${target}`, credentialsOf(grpc, tls), {
    'grpc.initial_reconnect_backoff_ms': firstReconnectMs,
    'grpc.min_reconnect_backoff_ms': firstReconnectMs,
    'grpc.max_reconnect_backoff_ms': lastReconnectMs,
    'grpc.enable_http_proxy': 0,
    'grpc.enable_retries': 0,
    'grpc.service_config_disable_resolution': 1,
    // A socket's path is no name that a server would know itself by.
    ...(target.startsWith('unix:') ? { 'grpc.default_authority': 'localhost' } : {}),
    'grpc.use_local_subchannel_pool': 1,
  })
  return {
    call: ({ path, request, response }, message, timeoutMs) =>
      new Promise((resolve, reject) => {
        let isOver = false
        const timer = clock.setTimer(timeoutMs, () => {
          isOver = true
          call.cancel()
          reject(new GrpcError(grpcStatus.deadlineExceeded, `no answer to ${path} within ${timeoutMs / 1000} s`))
        })
        const done = (error: ServiceError | null, answer?: object) => {
          timer.cancel()
          if (isOver) return
          if (error === null) resolve(answer ?? {})
          else reject(new GrpcError(error.code, error.details.replace(/(\. Resolution note:)? *$/, '')))
        }
        const call = client.makeUnaryRequest(
          path,
          (value: object) => request.encode(value),
          (bytes: Buffer) => response.decode(bytes),
          message,
          done,
        )
      }),
    close: () => client.close(),
  }
}

function credentialsOf({ credentials }: typeof import('@grpc/grpc-js'), tls: GrpcTls | undefined) {
  if (tls === undefined) return credentials.createInsecure()
  return credentials.createSsl(Buffer.from(tls.ca), Buffer.from(tls.key), Buffer.from(tls.cert))
}
