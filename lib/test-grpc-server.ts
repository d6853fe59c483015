import { Server, ServerCredentials } from '@grpc/grpc-js'
import type { GrpcTls, UnaryMethod } from './grpc.ts'

/** What a method of a test's server answers; a thrown error with a `code` becomes the status of the call. */
export type UnaryHandler = (message: object) => Promise<object> | object

/** A gRPC server for tests. */
export interface TestGrpcServer {
  readonly port: number
  /** Ends at once, with every call that is under way. */
  stop(): void
}

/** Serves methods on `unix:/path` or `host:port` (0: any port); with TLS only for clients whose certificate the authority has signed. */
export async function serveGrpc(
  target: string,
  methods: readonly (readonly [UnaryMethod, UnaryHandler])[],
  tls?: GrpcTls,
): Promise<TestGrpcServer> {
  const server = new Server()
  for (const [{ path, request, response }, handler] of methods) {
    server.register(
      path,
      (call: { readonly request: object }, callback: (error: Error | null, answer?: object) => void) => {
        const answer = async () => handler(call.request)
        answer().then(
          (value) => callback(null, value),
          (error: unknown) => callback(error as Error),
        )
      },
      (answer: object) => response.encode(answer),
      (bytes: Buffer) => request.decode(bytes),
      'unary',
    )
  }
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(target, credentialsOf(tls), (error, bound) => (error === null ? resolve(bound) : reject(error)))
  })
  return { port, stop: () => server.forceShutdown() }
}

function credentialsOf(tls: GrpcTls | undefined): ServerCredentials {
  if (tls === undefined) return ServerCredentials.createInsecure()
  return ServerCredentials.createSsl(Buffer.from(tls.ca), [{ private_key: Buffer.from(tls.key), cert_chain: Buffer.from(tls.cert) }], true)
}
