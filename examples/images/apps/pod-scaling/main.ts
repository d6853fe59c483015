#!/usr/local/bin/node
import { setTimeout } from 'node:timers'
import { createDemoServer } from './server.ts'

const { APP_TITLE = 'Pod Scaling Demo', APP_COLOUR = '#2b6cb0', APP_VERSION = '', CPU_MS_PER_PAGE = '7', PORT = '80' } = process.env

const server = createDemoServer({
  title: APP_TITLE,
  colour: APP_COLOUR,
  version: APP_VERSION,
  env: process.env,
  cpuMillisecondsPerPage: Number(CPU_MS_PER_PAGE),
})
server.on('error', (error) => {
  console.error(error.message)
  process.exit(1)
})
server.listen(Number(PORT), () => console.log(`${APP_TITLE} ${APP_VERSION} listens on port ${PORT}`))
// As process 1 of a container it has no default for these.
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => {
    server.close(() => process.exit(0))
    server.closeIdleConnections()
    setTimeout(() => process.exit(0), 5_000).unref()
  })
}
