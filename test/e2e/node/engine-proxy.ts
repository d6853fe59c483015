import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { parseDockerUrl } from '../../../orchestrator/node/runtime/docker/docker-engine.ts'

/** A way to a Docker engine that can be cut, so that one client sees an outage and nobody else does. */
export interface EngineProxy {
  readonly url: string
  cut(): Promise<void>
  restore(): Promise<void>
  stop(): Promise<void>
}

/** Starts a proxy on loopback in front of the engine at `engineUrl`. */
export async function startEngineProxy(engineUrl: string): Promise<EngineProxy> {
  const { socketPath, host, port } = parseDockerUrl(engineUrl)
  const sockets = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const engine =
      socketPath === undefined
        ? connect({ host: host!, port: port!, allowHalfOpen: true })
        : connect({ path: socketPath, allowHalfOpen: true })
    for (const socket of [client, engine]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.once('close', () => {
        sockets.delete(socket)
        client.destroy()
        engine.destroy()
      })
    }
    client.pipe(engine).pipe(client)
  })
  const listen = (at: number) => new Promise<void>((resolve) => server.listen(at, '127.0.0.1', resolve))
  await listen(0)
  const { port: own } = server.address() as AddressInfo
  const cut = async () => {
    const closed = new Promise((resolve) => server.close(resolve))
    for (const socket of sockets) socket.destroy()
    await closed
  }
  return { url: `tcp://127.0.0.1:${own}`, cut, restore: () => listen(own), stop: cut }
}
