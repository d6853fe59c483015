import { buildExampleImages } from '../../examples/images/build.ts'
import { createLog } from '../../lib/log.ts'
import type { ClusterOptions } from '../options.ts'
import { connectDocker } from '../setup/docker-client.ts'
import { dockerVersion } from '../setup/docker.ts'
import type { CommandContext } from './start.ts'

/** `images`: builds the stand-ins of the walkthrough's images on the Docker engine. Resolves with the exit code. */
export async function buildImages(options: ClusterOptions, context: CommandContext): Promise<number> {
  if ((await dockerVersion(options.dockerHost)) === undefined) {
    context.print(`No Docker engine answers at ${options.dockerHost}: start the cluster first, or name one with --docker-host`)
    return 1
  }
  const { loaded, unchanged } = await buildExampleImages({
    docker: connectDocker(options.dockerHost),
    log: createLog({ level: options.logLevel, component: 'images' }),
  })
  for (const name of loaded) context.print(`${name}  built`)
  for (const name of unchanged) context.print(`${name}  is there already`)
  return 0
}
