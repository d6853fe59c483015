import { buildExampleImages } from '../../examples/images/build.ts'
import { createLog } from '../../lib/log.ts'
import { parseOptions } from '../options.ts'
import { presentCluster } from '../present-cluster.ts'
import { connectDocker } from '../setup/docker-client.ts'
import { dockerVersion } from '../setup/docker.ts'
import type { CommandContext } from './start.ts'

/** `images`: builds the stand-ins of the walkthrough's images on the Docker engine that is named, or the cluster's. Resolves with the exit code. */
export async function buildImages(args: readonly string[], context: CommandContext): Promise<number> {
  const options = parseOptions(args)
  const isNamed = args.some((arg) => arg.startsWith('--docker-host'))
  const { dockerHost } = (isNamed ? undefined : presentCluster(options.dataDir)) ?? options
  if ((await dockerVersion(dockerHost)) === undefined) {
    context.print(`No Docker engine answers at ${dockerHost}: start the cluster first, or name one with --docker-host`)
    return 1
  }
  const { loaded, unchanged } = await buildExampleImages({
    docker: connectDocker(dockerHost),
    log: createLog({ level: options.logLevel, component: 'images' }),
  })
  for (const name of loaded) context.print(`${name}  built`)
  for (const name of unchanged) context.print(`${name}  is there already`)
  return 0
}
