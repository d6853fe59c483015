import { connect } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { WebServer } from './web.ts'

let server: WebServer | undefined
afterEach(() => server?.close())

const faults: string[] = []

async function start(isOpen = true): Promise<string> {
  faults.length = 0
  const made = new WebServer({
    rewritePath: (url) => url,
    isAdmitted: () => isOpen,
    challenges: ['Bearer'],
    onFault: (error) => faults.push(String(error)),
  })
  made.get('/exact', (_, reply) => reply.type('text/plain').send('exact'))
  made.get('/folder/*', ({ params, query }, reply) => reply.send(JSON.stringify({ rest: params['*'], query })))
  made.post('/echo', ({ body }, reply) => reply.send(body))
  made.get('/broken', () => Promise.reject(new Error('broken')))
  server = made
  return `http://127.0.0.1:${await made.listen('127.0.0.1', 0)}`
}

test('routes are exact paths and folders; what comes behind a folder is decoded', async () => {
  const address = await start()
  expect(await (await fetch(`${address}/exact?x=1`)).text()).toBe('exact')
  expect(await (await fetch(`${address}/folder/a%20b/c?x=1&x=2&y=`)).json()).toEqual({ rest: 'a b/c', query: { x: ['1', '2'], y: '' } })
  expect((await fetch(`${address}/folder`)).status).toBe(404)
  expect((await fetch(`${address}/exact`, { method: 'POST' })).status).toBe(404)
})

test('HEAD is a GET without the body', async () => {
  const answer = await fetch(`${await start()}/exact`, { method: 'HEAD' })
  expect({ status: answer.status, length: answer.headers.get('content-length'), text: await answer.text() }).toEqual({
    status: 200,
    length: '5',
    text: '',
  })
})

test('malformed paths, large bodies and faults are answered with a line, and only faults are told', async () => {
  const address = await start()
  expect((await fetch(`${address}/folder/%E0%A4%A`)).status).toBe(400)
  expect(await (await fetch(`${address}/echo`, { method: 'POST', body: 'hello' })).text()).toBe('hello')
  expect((await fetch(`${address}/echo`, { method: 'POST', body: 'x'.repeat(70_000) })).status).toBe(413)
  expect(faults).toEqual([])
  const broken = await fetch(`${address}/broken`)
  expect({ status: broken.status, text: await broken.text() }).toEqual({ status: 500, text: 'broken\n' })
  expect(faults).toEqual(['Error: broken'])
})

test('who is not admitted learns nothing of what exists', async () => {
  const address = await start(false)
  for (const path of ['/exact', '/nowhere']) {
    const answer = await fetch(address + path)
    expect({ status: answer.status, challenge: answer.headers.get('www-authenticate') }).toEqual({ status: 401, challenge: 'Bearer' })
  }
})

test('bytes that are no HTTP end the connection, and the server goes on', async () => {
  const address = await start()
  const socket = connect(Number(new URL(address).port), '127.0.0.1')
  const closed = new Promise((resolve) => socket.on('close', resolve))
  socket.on('error', () => {})
  socket.end('\u0000\u0001 nonsense\r\n\r\n')
  await closed
  expect((await fetch(`${address}/exact`)).status).toBe(200)
})
