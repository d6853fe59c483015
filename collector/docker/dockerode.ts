import { createRequire, registerHooks } from 'node:module'
import type Docker from 'dockerode'

/** What dockerode loads for SSH connections and for BuildKit's builds; a collector has neither, and a node's memory has better uses. */
const unwanted: ReadonlySet<string> = new Set(['ssh2', '@grpc/grpc-js', '@grpc/proto-loader'])
const absent = 'absent:'

/** dockerode without those parts, loaded once; a third of the memory. */
export function loadDockerode(): typeof Docker {
  const hooks = registerHooks({
    resolve: (specifier, context, next) =>
      unwanted.has(specifier) ? { url: `${absent}${specifier}`, format: 'commonjs', shortCircuit: true } : next(specifier, context),
    load: (url, context, next) =>
      url.startsWith(absent) ? { format: 'commonjs', source: 'module.exports = {}', shortCircuit: true } : next(url, context),
  })
  try {
    return createRequire(import.meta.url)('dockerode') as typeof Docker
  } finally {
    hooks.deregister()
  }
}
