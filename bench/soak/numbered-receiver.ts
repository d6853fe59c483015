import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What a receiver does: takes lines, refuses them, takes them and hangs up before it says so, or never answers. */
export type Behaviour = 'good' | 'refuse' | 'hang up' | 'hang'

/** What came of one writer. */
class Seen {
  readonly times: Uint8Array
  /** Hashes of the ids under which lines came first. */
  readonly ids: Uint32Array

  constructor(count: number) {
    this.times = new Uint8Array(count)
    this.ids = new Uint32Array(count)
  }
}

/** Receives lines `<writer> <number> …` by HTTP as NDJSON, and keeps which have come. */
export class NumberedReceiver {
  behaviour: Behaviour = 'good'
  /** Requests that were not answered with a 200. */
  outages = 0
  repeats = 0
  /** Lines that came again under another id. */
  renamed = 0
  readonly #seen = new Map<string, Seen>()
  readonly #hanging = new Set<ServerResponse>()
  #server: Server | undefined

  /** Answers its address. */
  async listen(): Promise<string> {
    const server = createServer((request, response) => {
      const chunks: Buffer[] = []
      request.on('error', () => {})
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => this.#answer(Buffer.concat(chunks).toString(), response))
    })
    this.#server = server
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  }

  close(): void {
    this.#server?.closeAllConnections()
    this.#server?.close()
  }

  /** `count` numbers are expected of a writer. */
  expect(writer: string, count: number): void {
    this.#seen.set(writer, new Seen(count))
  }

  /** The numbers of a writer that have not come. */
  missing(writer: string): readonly number[] {
    const numbers: number[] = []
    const { times } = this.#seen.get(writer)!
    for (let number = 0; number < times.length; number++) if (times[number] === 0) numbers.push(number)
    return numbers
  }

  #answer(body: string, response: ServerResponse): void {
    if (this.behaviour !== 'good') this.outages++
    if (this.behaviour === 'refuse') response.writeHead(503).end()
    else if (this.behaviour === 'hang') this.#hanging.add(response)
    else {
      for (const line of body.split('\n')) if (line !== '') this.#take(JSON.parse(line) as { message: string; id: string })
      if (this.behaviour === 'hang up') response.destroy()
      else response.writeHead(200).end()
    }
  }

  #take({ message, id }: { readonly message: string; readonly id: string }): void {
    const [writer, text] = message.split(' ', 2) as [string, string]
    const seen = this.#seen.get(writer)
    const number = Number(text)
    if (seen === undefined || !(number < seen.times.length)) throw new Error(`an unexpected line: ${message.slice(0, 100)}`)
    const hash = hashOf(id)
    if (seen.times[number] === 0) seen.ids[number] = hash
    else {
      this.repeats++
      if (seen.ids[number] !== hash) this.renamed++
    }
    seen.times[number] = Math.min(255, seen.times[number]! + 1)
  }
}

/** FNV-1a. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  return hash >>> 0
}
