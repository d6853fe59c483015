#!/usr/local/bin/node
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { createServer } from 'node:http'
import { extname, join, normalize } from 'node:path'

const root = process.env['STATIC_ROOT'] ?? '/usr/share/nginx/html'
const types: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.css': 'text/css',
  '.js': 'text/javascript',
  '.json': 'application/json',
}
const welcome = '<!doctype html><title>Welcome</title><h1>Welcome to this stand-in for nginx</h1>\n'

/** The file that a path stands for, never outside the root. */
async function findFile(path: string): Promise<string | undefined> {
  const file = join(root, normalize(`/${decodeURIComponent(path)}`))
  try {
    const found = await stat(file)
    return found.isDirectory() ? ((await stat(join(file, 'index.html'))).isFile() ? join(file, 'index.html') : undefined) : file
  } catch {
    return undefined
  }
}

const server = createServer((request, response) => {
  request.resume()
  response.on('error', () => {})
  const path = (request.url ?? '/').split('?')[0] ?? '/'
  findFile(path).then(
    (file) => {
      console.log(`${request.socket.remoteAddress} "${request.method} ${JSON.stringify(path).slice(1, -1)}"`)
      if (file === undefined && path !== '/') return void response.writeHead(404).end('not found\n')
      response.setHeader('content-type', types[extname(file ?? '.html')] ?? 'application/octet-stream')
      if (file === undefined) return void response.end(welcome)
      createReadStream(file)
        .on('error', () => response.destroy())
        .pipe(response)
    },
    () => response.writeHead(400).end('bad request\n'),
  )
})
server.on('error', (error) => {
  console.error(error.message)
  process.exit(1)
})
server.listen(Number(process.env['PORT'] ?? 80))
for (const signal of ['SIGTERM', 'SIGINT', 'SIGQUIT'] as const) process.on(signal, () => process.exit(0))
