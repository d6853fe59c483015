import { createServer } from 'node:http'
import type { ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { SMTPServer } from 'smtp-server'

/** One notification that a collector has taken. */
export interface Taken {
  readonly id: string
  readonly status: 'firing' | 'resolved'
  /** The alert's number. */
  readonly number: string
}

/** A receiver of notifications that fails now and then, and remembers what it took. */
export interface Collector {
  readonly port: number
  readonly taken: readonly Taken[]
  close(): Promise<void>
}

/** How a request to the webhook can fail. */
export type WebhookFault = '503' | '429' | 'hang up' | 'hang'

/** A webhook. `fault` says how each request ends: taken, or one of the ways to fail. */
export async function startWebhook(fault: () => 'none' | WebhookFault, port = 0): Promise<Collector> {
  const taken: Taken[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.on('error', () => {})
    request.on('data', (chunk: Buffer) => (body += chunk.toString()))
    request.on('end', () => {
      const kind = fault()
      if (kind !== 'none') return fail(kind, response)
      const { status, alerts } = JSON.parse(body) as { status: Taken['status']; alerts: { labels: { number: string } }[] }
      taken.push({ id: String(request.headers['idempotency-key']), status, number: alerts[0]!.labels.number })
      response.end()
    })
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  return { port: (server.address() as AddressInfo).port, taken, close }
}

/** A mail server. `fault` says whether a message is refused for the moment after it was sent. */
export async function startMailServer(fault: () => boolean, port = 0): Promise<Collector> {
  const taken: Taken[] = []
  const server = new SMTPServer({
    authOptional: true,
    disableReverseLookup: true,
    hideSTARTTLS: true,
    onData: (stream, _session, done) => {
      let text = ''
      stream.on('data', (chunk: Buffer) => (text += chunk.toString()))
      stream.on('end', () => {
        if (fault()) return done(Object.assign(new Error('try again later'), { responseCode: 451 }))
        const id = /^Message-ID: <([^@]+)@/im.exec(text)![1]!
        taken.push({ id, status: text.includes('[FIRING:') ? 'firing' : 'resolved', number: /^ {2}number: (\d+)/m.exec(text)![1]! })
        done()
      })
    },
  })
  server.on('error', () => {})
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  const address = server.server.address() as AddressInfo
  return { port: address.port, taken, close: () => new Promise((resolve) => server.close(() => resolve())) }
}

function fail(kind: WebhookFault, response: ServerResponse): void {
  // Nothing is ever said: whoever asked has to give up.
  if (kind === 'hang') return
  if (kind === 'hang up') response.destroy()
  else if (kind === '429') response.writeHead(429, { 'Retry-After': '1' }).end()
  else response.writeHead(503).end()
}
