#!/usr/bin/env node
import { parseArgs } from 'node:util'
import Docker from 'dockerode'
import { createLog } from '../../lib/log.ts'
import { buildExampleImages } from './build.ts'

const usage = 'Usage: node examples/images/main.ts [--docker-host URL] [--only NAME]...'

/** The Docker client for a host URL as in DOCKER_HOST; the usual socket where absent. */
function dockerAt(url: string | undefined): Docker {
  if (url === undefined || url === '') return new Docker()
  const { protocol, hostname, port, pathname } = new URL(url)
  return protocol === 'unix:' ? new Docker({ socketPath: pathname }) : new Docker({ host: hostname, port: Number(port || 2375) })
}

try {
  const { values } = parseArgs({
    options: { 'docker-host': { type: 'string' }, only: { type: 'string', multiple: true }, help: { type: 'boolean' } },
  })
  if (values.help === true) {
    console.log(usage)
  } else {
    const { loaded, unchanged } = await buildExampleImages({
      docker: dockerAt(values['docker-host'] ?? process.env['DOCKER_HOST']),
      log: createLog({ level: 'warn', component: 'images' }),
      ...(values.only === undefined ? {} : { only: values.only }),
    })
    for (const name of loaded) console.log(`loaded     ${name}`)
    for (const name of unchanged) console.log(`unchanged  ${name}`)
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error))
  console.error(usage)
  process.exitCode = 1
}
