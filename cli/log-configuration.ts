import type { LogConfiguration, PodDirectory, PodFacts } from '../collector/logs/app.ts'
import { defaultLogConfiguration, ownerOf } from '../collector/logs/app.ts'
import { FileError } from '../lib/document.ts'
import type { CoreV1Pod } from '../orchestrator/api/generated/kinds.ts'
import type { Informer } from '../orchestrator/client/informer.ts'
import { UsageError } from './options.ts'

/** The configuration of log collection in a file, the defaults without one. Throws `UsageError` with every mistake on a line. */
export async function loadLogConfiguration(path: string | undefined): Promise<LogConfiguration> {
  if (path === undefined) return defaultLogConfiguration
  // What every type of sink needs is loaded where there is a file alone.
  const { readLogConfiguration } = await import('../collector/logs/read-configuration.ts')
  try {
    return readLogConfiguration(path)
  } catch (error) {
    if (error instanceof FileError) throw new UsageError(`--logs-config: this can not be used:\n${error.message}`)
    throw new UsageError(`--logs-config: ${JSON.stringify(path)} can not be read: ${(error as Error).message}`)
  }
}

/** What an informer knows of a node's pods. */
export function podDirectoryOf(pods: Informer<CoreV1Pod>): PodDirectory {
  const facts = new Map<string, PodFacts>()
  const handlers: ((uid: string) => void)[] = []
  const learn = (pod: CoreV1Pod) => {
    const uid = uidOf(pod)
    facts.set(uid, factsOf(pod))
    for (const handler of handlers) handler(uid)
  }
  pods.onChange({ added: learn, updated: learn, deleted: (pod) => void facts.delete(uidOf(pod)) })
  return { get: (uid) => facts.get(uid), onChange: (handler) => void handlers.push(handler) }
}

/** Containers of a pod from a file carry the hash of the file, which its object in the API has as an annotation. */
function uidOf({ metadata }: CoreV1Pod): string {
  return metadata.annotations?.['kubernetes.io/config.hash'] ?? metadata.uid ?? ''
}

function factsOf({ metadata }: CoreV1Pod): PodFacts {
  const { labels = {}, annotations = {}, ownerReferences = [] } = metadata
  return { labels, annotations, owner: ownerOf(ownerReferences, labels) }
}
