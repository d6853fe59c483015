import { fileURLToPath } from 'node:url'
import { loadPageAssets } from '../../lib/page-assets.ts'
import type { PageAssets } from '../../lib/page-assets.ts'
import type { WebReply, WebRequest, WebServer } from '../http/web.ts'
import type { StatsStore } from '../stats-store.ts'

export interface PageOptions {
  readonly store: StatsStore
  /** A path in front of everything that the browser asks for; empty for none. */
  readonly pathPrefix: string
}

/** Mounts the collector's page: `/`, `/docker/…` and `/containers/…` are one document, which asks the API for what it shows. */
export function registerPage(instance: WebServer, { store, pathPrefix }: PageOptions): void {
  const clientFolder = fileURLToPath(new URL('client', import.meta.url))
  let assets: Promise<PageAssets> | undefined
  // Most collectors are asked by programs alone, and their memory is watched.
  const load = () => (assets ??= loadPageAssets({ clientFolder, prefix: pathPrefix }))
  const send = async (request: WebRequest, reply: WebReply, path: string): Promise<WebReply> => {
    const { files, contentSecurityPolicy } = await load()
    const file = files.get(path)
    if (file === undefined) return reply.code(404).type('text/plain; charset=utf-8').send('no such file\n')
    void reply
      .header('etag', file.etag)
      .header('cache-control', 'no-cache')
      .header('content-security-policy', contentSecurityPolicy)
      .header('x-content-type-options', 'nosniff')
      .header('referrer-policy', 'no-referrer')
      .type(file.type)
    return request.headers['if-none-match'] === file.etag ? reply.code(304).send() : reply.send(file.bytes)
  }
  for (const folder of ['assets', 'client', 'lib']) {
    instance.get(`/${folder}/*`, (request, reply) => send(request, reply, `/${folder}${restOf(request)}`))
  }
  for (const path of ['/', '/docker', '/docker/*', '/podman', '/podman/*', '/containers']) {
    instance.get(path, (request, reply) => send(request, reply, '/'))
  }
  instance.get('/containers/*', (request, reply) => {
    const isKnown = store.get(restOf(request).replace(/(?<=.)\/$/, '')) !== undefined
    return send(request, isKnown ? reply : reply.code(404), '/')
  })
}

function restOf({ params }: WebRequest): string {
  return `/${params['*']}`
}
