import { systemClock } from '../../lib/clock.ts'
import type { Clock } from '../../lib/clock.ts'
import { findKindByName, kinds } from '../../orchestrator/api/kinds.ts'
import type { KindDeclaration } from '../../orchestrator/api/kind-declaration.ts'
import type { KubeObject } from '../../orchestrator/api/object.ts'
import { isNotFound } from '../../orchestrator/api/status-error.ts'
import type { Client } from '../../orchestrator/client/client.ts'
import { CommandError, connectionFlags, withCluster } from '../cluster-connection.ts'
import { describeFlagTable, parseCommandLine, parseDuration, parseInteger, parseSwitch, parseText } from '../flag-table.ts'
import type { FlagValues } from '../flag-table.ts'
import { UsageError } from '../options.ts'
import { readManifest } from './read-manifest.ts'
import type { CommandContext } from './start.ts'

const pollMs = 250
const type = 'application/merge-patch+json'

const flags = {
  filename: { placeholder: 'FILE', letter: 'f', help: 'what is in it is to be stopped', parse: parseText },
  selector: { placeholder: 'SELECTOR', letter: 'l', help: 'of a type, those with these labels', parse: parseText },
  all: { fallback: 'false', help: 'of a type, all in the namespace', parse: parseSwitch },
  'grace-period': { placeholder: 'SECONDS', help: 'for pods to end in (default: their own)', parse: parseInteger(0, 86_400) },
  timeout: { placeholder: 'DURATION', fallback: '5m', help: 'give up on one after so long', parse: parseDuration(1, 86_400_000) },
  ...connectionFlags,
} as const

type Given = FlagValues<typeof flags>

/** The flags of `stop`. */
export const describeStop = (): string =>
  `Usage: binnacle stop (-f FILE | TYPE NAME | TYPE/NAME | TYPE -l SELECTOR | TYPE --all)\n\n${describeFlagTable(flags)}`

/** `stop`: shuts things down with all that they run, as kubectl once did. Resolves with the exit code. Throws `UsageError`. */
export async function runStop(args: readonly string[], context: CommandContext): Promise<number> {
  const { values, words } = parseCommandLine(args, flags)
  return withCluster(values, context.complain, async ({ client, namespace, signal }) => {
    const pace = { timeoutMs: values.timeout, gracePeriodSeconds: values['grace-period'] }
    for (const target of await findTargets(words, values, client, namespace)) {
      await stop(target, { ...pace, client, clock: systemClock, signal })
      context.print(`${target.declaration.singular} "${target.name}" deleted`)
    }
    return 0
  })
}

/** One thing to stop. */
interface StopTarget {
  readonly declaration: KindDeclaration
  readonly namespace: string | undefined
  readonly name: string
}

async function findTargets(words: readonly string[], given: Given, client: Client, namespace: string): Promise<readonly StopTarget[]> {
  const { filename, selector, all } = given
  if (filename !== undefined) {
    if (words.length > 0 || selector !== undefined) throw new UsageError('--filename and a type are two ways to say what: use one')
    return readManifest(filename).map((object) => targetOf(object, given.namespace ?? namespace))
  }
  const [first, ...names] = words
  if (first === undefined) throw new UsageError('say what to stop: -f FILE, TYPE NAME or TYPE -l SELECTOR')
  if (first.includes('/')) return words.map((word) => slashed(word, namespace))
  const declaration = findType(first)
  const where = declaration.kind.isNamespaced ? namespace : undefined
  if (names.length > 0) {
    if (selector !== undefined || all) throw new UsageError('names, --selector and --all are three ways to say which: use one')
    return names.map((name) => ({ declaration, namespace: where, name }))
  }
  if (selector === undefined && !all) throw new UsageError(`which of the ${declaration.kind.plural}? NAME, --selector or --all`)
  const { items } = await client.list(declaration.kind, {
    namespace: where,
    ...(selector === undefined ? {} : { labelSelector: selector }),
  })
  return items.map(({ metadata }) => ({ declaration, namespace: where, name: metadata.name! }))
}

function slashed(word: string, namespace: string): StopTarget {
  const [text, name, ...more] = word.split('/')
  if (!text || !name || more.length > 0) throw new UsageError(`${JSON.stringify(word)} is not TYPE/NAME`)
  const declaration = findType(text)
  return { declaration, namespace: declaration.kind.isNamespaced ? namespace : undefined, name }
}

function targetOf(object: KubeObject, namespace: string): StopTarget {
  const { apiVersion, kind, metadata } = object
  const [group, version] = apiVersion.includes('/') ? apiVersion.split('/') : ['', apiVersion]
  const declaration = findKindByName(group!, version!, kind)
  if (declaration === undefined) throw new CommandError(`no matches for kind "${kind}" in version "${apiVersion}"`)
  return { declaration, namespace: declaration.kind.isNamespaced ? (metadata.namespace ?? namespace) : undefined, name: metadata.name! }
}

/** A type by its plural, singular, short or kind's name. Built-in ones only. */
function findType(text: string): KindDeclaration {
  const name = text.toLowerCase()
  const found = kinds.find(
    ({ kind, singular, shortNames, verbs }) =>
      verbs.includes('delete') && [kind.plural, singular, kind.kind.toLowerCase(), ...shortNames].includes(name),
  )
  if (found === undefined) throw new UsageError(`the server doesn't have a resource type "${text}"`)
  return found
}

/** How to stop. */
interface StopOptions {
  readonly client: Client
  readonly clock: Clock
  readonly signal: AbortSignal
  readonly timeoutMs: number
  readonly gracePeriodSeconds: number | undefined
}

/** What makes a kind run nothing, and how its status says that it does not. */
const quiet: Readonly<Record<string, { readonly spec: object; readonly count: string }>> = {
  replicationcontrollers: { spec: { replicas: 0 }, count: 'replicas' },
  replicasets: { spec: { replicas: 0 }, count: 'replicas' },
  deployments: { spec: { replicas: 0 }, count: 'replicas' },
  statefulsets: { spec: { replicas: 0 }, count: 'replicas' },
  jobs: { spec: { parallelism: 0 }, count: 'active' },
}

interface Counted extends KubeObject {
  readonly status?: Readonly<Record<string, unknown>>
}

/** Brings what runs something down to nothing first, then deletes it and waits until it is gone. Rejects with `CommandError` when that takes too long. */
async function stop({ declaration, namespace, name }: StopTarget, options: StopOptions): Promise<void> {
  const { client, clock, signal, timeoutMs, gracePeriodSeconds } = options
  const { kind } = declaration
  const key = { namespace, name }
  const deadline = clock.monotonic() + timeoutMs
  const until = async (isDone: () => Promise<boolean>) => {
    while (!(await isDone())) {
      if (clock.monotonic() > deadline) throw new CommandError(`timed out waiting for ${declaration.singular} "${name}" to stop`)
      await clock.sleep(pollMs, signal)
      if (signal.aborted) throw new CommandError(`interrupted: ${declaration.singular} "${name}" is on its way`)
    }
  }
  const found = await client.get(kind, key)
  const how = kind.group === '' || kind.group === 'apps' || kind.group === 'batch' ? quiet[kind.plural] : undefined
  if (how !== undefined) {
    await client.patch(kind, key, { type, body: { metadata: { uid: found.metadata.uid }, spec: how.spec } })
    await until(async () => {
      const { status, metadata } = (await client.get(kind, key)) as Counted
      const isSeen = status?.['observedGeneration'] === undefined || Number(status['observedGeneration']) >= (metadata.generation ?? 0)
      return isSeen && Number(status?.[how.count] ?? 0) === 0
    })
  }
  const grace = gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }
  await client.delete(kind, key, { propagationPolicy: 'Foreground', ...grace, preconditions: { uid: found.metadata.uid } })
  await until(async () => {
    try {
      return (await client.get(kind, key)).metadata.uid !== found.metadata.uid
    } catch (error) {
      if (isNotFound(error)) return true
      throw error
    }
  })
}
