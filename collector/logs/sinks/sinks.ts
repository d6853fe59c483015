import { join } from 'node:path'
import { RefusalLog } from '../../../lib/delivery/refusal-log.ts'
import { Spool } from '../../../lib/delivery/spool.ts'
import type { DocumentReader, Field } from '../../../lib/document.ts'
import type { LogContext } from '../context.ts'
import { BatchSpool } from './batch-spool.ts'
import { createDeadLines } from './dead-lines.ts'
import type { SinkDeclaration } from './declaration.ts'
import { Delivery } from './delivery.ts'
import { readDeliverySettings } from './delivery-settings.ts'
import type { DeliverySettings } from './delivery-settings.ts'
import { OptionNode } from './option-node.ts'
import { elasticsearch } from './senders/elasticsearch.ts'
import { file } from './senders/file.ts'
import { forward } from './senders/forward.ts'
import { influxdb } from './senders/influxdb.ts'
import { loki } from './senders/loki.ts'
import { s3 } from './senders/s3.ts'
import { stdout } from './senders/stdout.ts'
import { syslog } from './senders/syslog.ts'
import { webhook } from './senders/webhook.ts'
import type { LogSender, LogSink } from './sink.ts'

/** Every type of sink. */
const declarations: readonly SinkDeclaration[] = [elasticsearch, file, forward, influxdb, loki, s3, stdout, syslog, webhook]

/** A sink whose options have been read and found good: plain data, for the thread that creates it. */
export interface LogSinkSettings {
  readonly name: string
  readonly type: string
  readonly options: unknown
  readonly delivery: DeliverySettings
}

/**
 * Reads a list of sinks, each with a `type`, a `name` (default the type) under which it is counted and spooled, the options of its type and of the
 * delivery. `taken` are names that none may have. What is wrong is noted in `reader`, whose `finish` throws.
 */
export function readLogSinks(reader: DocumentReader, field: Field | undefined, taken: readonly string[] = []): readonly LogSinkSettings[] {
  const names = new Set<string>(taken)
  return reader.list(field).flatMap((item) => {
    const node = new OptionNode(reader, item)
    const settings = readLogSink(node)
    if (settings === undefined) return []
    if (names.has(settings.name)) node.problem('name', `${settings.name} is taken by another sink; give one of them a name of its own`)
    names.add(settings.name)
    return [settings]
  })
}

function readLogSink(node: OptionNode): LogSinkSettings | undefined {
  const type = node.text('type')
  const declaration = declarations.find((known) => known.type === type)
  if (declaration === undefined) return node.problem('type', `must be one of ${declarations.map((known) => known.type).join(', ')}`)
  const name = node.matching('name', /^[a-z0-9][a-z0-9_-]{0,62}$/, '1 to 63 lower-case letters, digits, "-" or "_"') ?? declaration.type
  const options = declaration.readOptions(node)
  const isSerial = declaration.isSerial === true
  const delivery = readDeliverySettings(node, declaration.delivery ?? {}, isSerial)
  node.finish()
  return { name, type: declaration.type, options, delivery }
}

/** Makes a sink. Nothing is opened before it is started, except the files of certificates. */
export function createLogSink(sink: LogSinkSettings, context: LogContext): LogSink {
  const { name, delivery: settings } = sink
  const { clock, random } = context
  const log = context.log.child({ sink: name })
  const dir = join(context.dataFolder, 'spool', name)
  const now = () => clock.now()
  const whenFull = settings.whenSpoolFull === 'wait' ? 'refuse' : 'drop-oldest'
  return new Delivery({
    name,
    settings,
    senders: Array.from({ length: settings.concurrency }, () => createSender(sink, { ...context, log })),
    spool: settings.onFull === 'spool' ? new BatchSpool(new Spool({ dir, maxBytes: settings.spoolBytes, whenFull, now })) : undefined,
    deadLines: settings.deadLetterBytes === 0 ? undefined : createDeadLines({ dir, maxBytes: settings.deadLetterBytes, clock }),
    refusals: new RefusalLog({ clock, log }),
    context: { clock, random, log },
  })
}

/** Makes what speaks to the receiver, without the way to it. */
export function createSender({ type, options }: LogSinkSettings, context: LogContext): LogSender {
  const declaration = declarations.find((known) => known.type === type)
  if (declaration === undefined) throw new Error(`there is no sink of type ${type}`)
  return declaration.create(options, context)
}

/** Makes them all. */
export function createLogSinks(settings: readonly LogSinkSettings[], context: LogContext): readonly LogSink[] {
  return settings.map((one) => createLogSink(one, context))
}
