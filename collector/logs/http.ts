import { pipeline as pipe } from 'node:stream/promises'
import { Readable } from 'node:stream'
import type { WebReply, WebRequest, WebServer } from '../http/web.ts'
import type { LogPipeline } from './app.ts'

const prefix = '/api/v1/logs'
const text = 'text/plain; charset=utf-8'

/** Mounts the pipeline's answers under `/api/v1/logs`. To be called before anything that takes all of `/api`. */
export function registerLogs(instance: WebServer, logs: LogPipeline): void {
  const answerAt = (path: string) => async (request: WebRequest, reply: WebReply) => {
    const abort = new AbortController()
    reply.raw.on('close', () => abort.abort())
    let answer
    try {
      answer = await logs.ask({ path: `${path}${request.params['*']}`, query: request.query }, abort.signal)
    } catch (error) {
      return reply
        .code(503)
        .type(text)
        .send(`${error instanceof Error ? error.message : String(error)}; it is started again\n`)
    }
    const { code, type, body } = answer
    reply.code(code).type(type)
    return typeof body === 'string' || Buffer.isBuffer(body) ? reply.send(body) : stream(request, reply, body)
  }
  instance.get(prefix, answerAt(''))
  instance.get(`${prefix}/*`, answerAt('/'))
}

/** Sends parts as they come, no faster than the client takes them. */
async function stream(request: WebRequest, reply: WebReply, parts: AsyncIterable<string | Buffer>): Promise<WebReply> {
  reply.hijack()
  if (request.raw.method === 'HEAD') reply.raw.end()
  else {
    reply.raw.flushHeaders()
    // A client that leaves ends it, which is no fault.
    await pipe(Readable.from(parts), reply.raw).catch(() => reply.raw.destroy())
  }
  return reply
}
