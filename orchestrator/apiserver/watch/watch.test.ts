import { request } from 'node:https'
import { connect as connectHttp2 } from 'node:http2'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Transport } from '../../client/client.ts'
import { createTestCredentials, startTestServer, type TestCredentials, type TestServer } from '../testing/test-server.ts'

type Frame = { readonly type: string; readonly object: any }

let running: TestServer
let credentials: TestCredentials
let transport: Transport
beforeAll(async () => {
  credentials = await createTestCredentials()
  running = await startTestServer(credentials)
  transport = running.server.transport
})
afterAll(() => running.stop())

const maps = '/api/v1/namespaces/default/configmaps'
const create = (name: string) =>
  transport.request({ method: 'POST', path: maps, body: { metadata: { name }, data: { a: 'b' } } }) as Promise<any>

/** Opens a watch over HTTPS; `frames` reads as many as are asked for and closes it. */
function open(path: string, headers: Record<string, string> = {}) {
  const { port } = running.server.address
  const outgoing = request({ host: '127.0.0.1', port, path, ca: credentials.ca.cert, ...credentials.admin, headers, agent: false })
  outgoing.on('error', () => {})
  const answered = new Promise<import('node:http').IncomingMessage>((resolve) => outgoing.on('response', resolve))
  outgoing.end()
  const frames = async (count: number): Promise<Frame[]> => {
    const found: Frame[] = []
    let rest = ''
    for await (const piece of (await answered).setEncoding('utf8') as AsyncIterable<string>) {
      const lines = (rest + piece).split('\n')
      rest = lines.pop()!
      found.push(...lines.map((line) => JSON.parse(line) as Frame))
      if (found.length >= count) break
    }
    outgoing.destroy()
    return found
  }
  return { answered, frames }
}

describe('a watch over HTTPS', () => {
  test('shows its head before the first event', async () => {
    const { answered, frames } = open(`${maps}?watch=true&resourceVersion=${running.store.revision}`)
    expect((await answered).statusCode).toBe(200)
    await create('first')
    expect(await frames(1)).toMatchObject([{ type: 'ADDED', object: { kind: 'ConfigMap', apiVersion: 'v1', metadata: { name: 'first' } } }])
  })

  test('gives tables to those who ask, with columns once', async () => {
    const { answered, frames } = open(`${maps}?watch=true&resourceVersion=${running.store.revision}`, {
      accept: 'application/json;as=Table;v=v1;g=meta.k8s.io',
    })
    await answered
    await create('table-1')
    await create('table-2')
    const [first, second] = await frames(2)
    expect(first!.object).toMatchObject({
      kind: 'Table',
      rows: [{ cells: ['table-1', 1, expect.any(String)], object: { kind: 'PartialObjectMetadata' } }],
    })
    expect(first!.object.columnDefinitions.length).toBeGreaterThan(0)
    expect(second!.object.columnDefinitions).toEqual([])
  })

  test('ends at its time, with a bookmark', async () => {
    const { frames } = open(`${maps}?watch=true&resourceVersion=${running.store.revision}&allowWatchBookmarks=true&timeoutSeconds=1`)
    const all = await frames(Infinity)
    expect(all.at(-1)).toMatchObject({
      type: 'BOOKMARK',
      object: { kind: 'ConfigMap', metadata: { resourceVersion: String(running.store.revision) } },
    })
  })

  test('says in the stream that its revision is forgotten', async () => {
    const { revision } = running.store
    await create('later')
    await create('latest')
    running.store.compact(revision + 1)
    const { frames } = open(`${maps}?watch=true&resourceVersion=${revision}`)
    expect(await frames(1)).toMatchObject([{ type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired' } }])
    await expect(
      transport
        .stream({ method: 'GET', path: maps, query: { resourceVersion: String(revision) } }, new AbortController().signal)
        [Symbol.asyncIterator]()
        .next(),
    ).rejects.toMatchObject({ status: { code: 410 } })
  })

  test('a list that goes on after its revision is forgotten gets a token for the rest', async () => {
    const first = (await transport.request({ method: 'GET', path: maps, query: { limit: '1' } })) as any
    await create('more-1')
    await create('more-2')
    running.store.compact(running.store.revision - 1)
    const again = (token: string) =>
      transport.request({ method: 'GET', path: maps, query: { limit: '100', continue: token } }) as Promise<any>
    const status = await again(first.metadata.continue as string).then(
      () => expect.fail('was accepted'),
      (error: any) => error.status,
    )
    expect(status).toMatchObject({ code: 410, reason: 'Expired', metadata: { continue: expect.any(String) } })
    expect((await again(status.metadata.continue as string)).items.length).toBeGreaterThan(1)
  })

  test('runs over HTTP/2 too', async () => {
    const session = connectHttp2(`https://127.0.0.1:${running.server.address.port}`, { ca: credentials.ca.cert, ...credentials.admin })
    const stream = session.request({ ':path': `${maps}?watch=true&resourceVersion=${running.store.revision}` })
    await new Promise((resolve) => stream.on('response', resolve))
    const piece = new Promise<string>((resolve) => stream.setEncoding('utf8').once('data', resolve))
    await create('h2')
    expect(JSON.parse(await piece)).toMatchObject({ type: 'ADDED', object: { metadata: { name: 'h2' } } })
    session.destroy()
  })

  test('events of a burst reach every watcher in order', async () => {
    const watches = Array.from({ length: 20 }, () => open(`${maps}?watch=true&resourceVersion=${running.store.revision}`))
    await Promise.all(watches.map(({ answered }) => answered))
    const names = Array.from({ length: 100 }, (_, index) => `burst-${String(index).padStart(3, '0')}`)
    const all = Promise.all(watches.map(({ frames }) => frames(100)))
    for (const name of names) await create(name)
    for (const frames of await all) expect(frames.map(({ object }) => object.metadata.name)).toEqual(names)
  })
})
