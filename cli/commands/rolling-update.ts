import { systemClock } from '../../lib/clock.ts'
import type { CoreV1ReplicationController } from '../../orchestrator/api/generated/kinds.ts'
import { isNotFound } from '../../orchestrator/api/status-error.ts'
import { CommandError, connectionFlags, withCluster } from '../cluster-connection.ts'
import { describeFlagTable, parseCommandLine, parseDuration, parseOneOf, parseSwitch, parseText } from '../flag-table.ts'
import type { FlagValues } from '../flag-table.ts'
import { UsageError } from '../options.ts'
import { addLabel, annotation, containerOf, copyWithImage, hashOf } from '../rolling-update/controllers.ts'
import { RollingUpdater } from '../rolling-update/rolling-update.ts'
import type { UpdaterOptions } from '../rolling-update/rolling-update.ts'
import { readManifest } from './read-manifest.ts'
import type { CommandContext } from './start.ts'

const dayMs = 86_400_000

const flags = {
  filename: { placeholder: 'FILE', letter: 'f', help: 'the new replication controller', parse: parseText },
  image: { placeholder: 'IMAGE', help: 'the new image, all else as it is', parse: parseText },
  container: { placeholder: 'NAME', help: 'whose image it is, where there are several', parse: parseText },
  'image-pull-policy': {
    placeholder: 'POLICY',
    help: 'needed where the image is the same as before',
    parse: parseOneOf(['Always', 'Never', 'IfNotPresent']),
  },
  'deployment-label-key': {
    placeholder: 'KEY',
    fallback: 'deployment',
    help: 'the label that tells old pods from new ones, with --image',
    parse: parseText,
  },
  'update-period': { placeholder: 'DURATION', fallback: '1m', help: 'between one pod and the next', parse: parseDuration(0, dayMs) },
  'poll-interval': { placeholder: 'DURATION', fallback: '3s', help: 'how often to look', parse: parseDuration(1, dayMs) },
  timeout: { placeholder: 'DURATION', fallback: '5m', help: 'give up after so long without progress', parse: parseDuration(1, dayMs) },
  rollback: { fallback: 'false', help: 'go back from an update that is half done', parse: parseSwitch },
  ...connectionFlags,
} as const

type Given = FlagValues<typeof flags>

/** The flags of `rolling-update`. */
export const describeRollingUpdate = (): string =>
  `Usage: binnacle rolling-update NAME [NEW] (--image=IMAGE | -f FILE | --rollback) [FLAGS]\n\n${describeFlagTable(flags)}`

/** `rolling-update`: replaces the pods of a replication controller one by one, as kubectl once did. Resolves with the exit code. Throws `UsageError`. */
export async function runRollingUpdate(args: readonly string[], context: CommandContext): Promise<number> {
  const { values, words } = parseCommandLine(args, flags)
  checkUsage(values, words)
  const pace = { updatePeriodMs: values['update-period'], pollIntervalMs: values['poll-interval'], timeoutMs: values.timeout }
  return withCluster(values, context.complain, async (cluster) => {
    const updated = await rollingUpdate(words, values, { ...cluster, clock: systemClock, print: context.print, pace })
    context.print(`replicationcontroller ${updated}`)
    return 0
  })
}

function checkUsage({ filename, image, rollback }: Given, words: readonly string[]): void {
  if (words.length === 0) throw new UsageError('Must specify the controller to update')
  if (words.length > 2)
    throw new UsageError(`${JSON.stringify(words[2])} is one name too many: allowed are the old and the new controller's`)
  if (rollback && (filename !== undefined || image !== undefined)) throw new UsageError("Don't specify --filename or --image on rollback")
  if (rollback) return
  if (filename === undefined && image === undefined) throw new UsageError('Must specify --filename or --image for new controller')
  if (filename !== undefined && image !== undefined) throw new UsageError('--filename and --image can not both be specified')
}

/** What an update needs to be told beside names and pace. */
export type Wish = Pick<Given, 'filename' | 'image' | 'container' | 'image-pull-policy' | 'deployment-label-key' | 'rollback'>

/** Does the update that was asked for, or goes on with it; answers the end of the last line. */
export async function rollingUpdate(names: readonly string[], wish: Wish, options: UpdaterOptions): Promise<string> {
  const [oldName, givenName] = names as [string, string | undefined]
  const updater = new RollingUpdater(options)
  const { controllers } = updater
  const isRenaming = givenName === undefined && wish.filename === undefined
  let old: CoreV1ReplicationController
  try {
    old = await controllers.get(oldName)
  } catch (error) {
    const successor = isNotFound(error) && wish.image !== undefined && isRenaming ? await controllers.findSuccessor(oldName) : undefined
    if (successor === undefined) throw error
    await updater.rename(successor, oldName)
    return `"${oldName}" rolling updated`
  }
  const nextName = givenName ?? old.metadata.annotations?.[annotation.next]
  if (wish.rollback) {
    const next = nextName === undefined ? undefined : await controllers.find(nextName)
    if (next === undefined) throw new CommandError(`Could not find ${nextName ?? `a successor of ${oldName}`} to rollback.`)
    await updater.rollBack({ old, next })
    return `"${oldName}" rolling updated`
  }
  const source = wish.filename ?? ''
  const next =
    wish.filename === undefined ? await nextWithImage(old, nextName, wish, { updater, options }) : readController(wish.filename, old)
  if (wish.image !== undefined) {
    old = await addLabel(controllers, old, { [wish['deployment-label-key']]: `${hashOf(old)}-orig` })
    old = await controllers.annotate(oldName, { [annotation.next]: next.metadata.name! })
  }
  if (next.metadata.name === oldName) {
    throw new CommandError(`${source} cannot have the same name as the existing ReplicationController ${oldName}`.trimStart())
  }
  const isDistinct = Object.entries(old.spec.selector ?? {}).some(([key, value]) => (next.spec.selector?.[key] ?? value) !== value)
  if (!isDistinct)
    throw new CommandError(`${source} must specify a matching key with non-equal value in Selector for ${oldName}`.trimStart())
  await updater.update({ old, next, isRenaming })
  return isRenaming ? `"${oldName}" rolling updated` : `"${oldName}" rolling updated to "${next.metadata.name}"`
}

async function nextWithImage(
  old: CoreV1ReplicationController,
  name: string | undefined,
  wish: Wish,
  { updater, options }: { readonly updater: RollingUpdater; readonly options: UpdaterOptions },
): Promise<CoreV1ReplicationController> {
  const image = wish.image!
  const existing = name === undefined ? undefined : await updater.controllers.find(name)
  if (existing !== undefined) {
    const inProgress = containerOf(existing, wish.container).image
    if (inProgress !== image) {
      throw new CommandError(
        `Found existing in-progress update to image (${inProgress}).\nEither continue in-progress update with --image=${inProgress} or rollback with --rollback`,
      )
    }
    options.print(`Found existing update in progress (${existing.metadata.name}), resuming.`)
    return existing
  }
  const pullPolicy = wish['image-pull-policy']
  const isSame = containerOf(old, wish.container).image === image
  if (isSame && pullPolicy === undefined) {
    throw new CommandError(
      '--image-pull-policy (Always|Never|IfNotPresent) must be provided when --image is the same as existing container image',
    )
  }
  return copyWithImage(old, {
    name,
    image,
    container: wish.container,
    pullPolicy: isSame ? pullPolicy : undefined,
    labelKey: wish['deployment-label-key'],
  })
}

/** The controller of a file; it gets the old one's size where it names none, and its template's labels for a selector, as the server does. */
function readController(file: string, old: CoreV1ReplicationController): CoreV1ReplicationController {
  const objects = readManifest(file)
  if (objects.length > 1) throw new CommandError(`${file} specifies multiple items`)
  const [object] = objects
  if (object!.kind !== 'ReplicationController' || object!.apiVersion !== 'v1')
    throw new CommandError(`${file} contains a ${object!.apiVersion}, Kind=${object!.kind} not a ReplicationController`)
  const next = object as CoreV1ReplicationController
  const selector = next.spec?.selector ?? next.spec?.template?.metadata?.labels
  return {
    ...next,
    spec: { ...next.spec, ...(selector === undefined ? {} : { selector }), replicas: next.spec?.replicas ?? old.spec.replicas },
  }
}
