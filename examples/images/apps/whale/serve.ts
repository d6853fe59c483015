#!/usr/local/bin/node
import { createServer } from 'node:http'
import { hostname } from 'node:os'
import { sayInBubble } from './bubble.ts'

const text = process.argv.slice(2).join(' ') || 'Hello from the whale'
const server = createServer((request, response) => {
  request.resume()
  response.setHeader('content-type', 'text/plain; charset=utf-8').end(`${sayInBubble(text)}\n${hostname()}\n`)
})
server.on('error', (error) => {
  console.error(error.message)
  process.exit(1)
})
server.listen(Number(process.env['PORT'] ?? 80), () => console.log('the whale listens'))
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => process.exit(0))
