import type { InfluxOptions } from '../influx/options.ts'
import { elasticsearch } from './elasticsearch.ts'
import { graphite } from './graphite.ts'
import { influxdb } from './influxdb.ts'
import { log } from './log.ts'
import { remoteWrite } from './remote-write.ts'
import type { Sink, SinkContext, SinkPlan } from './sink.ts'
import { SinkUri, SinkUriError } from './sink-uri.ts'
import { statsd } from './statsd.ts'
import { webhook } from './webhook.ts'

/** A kind of sink: how its options are read, and how it is made from them. */
export interface SinkDeclaration {
  /** The word before the first ":" of a URI. */
  readonly kind: string
  /** What follows it, for messages. */
  readonly example: string
  /** Reads every option that the kind has; throws a `SinkUriError` for one that cannot be used. Opens nothing. */
  read(uri: SinkUri): {
    readonly create: (name: string, context: SinkContext) => Sink
    readonly influx?: InfluxOptions
  }
}

/** Every kind of sink. */
const declarations: readonly SinkDeclaration[] = [influxdb, log, remoteWrite, graphite, statsd, elasticsearch, webhook]

const namePattern = /^[a-z0-9][a-z0-9_-]{0,62}$/

/**
 * Reads a URI such as `influxdb:http://localhost:8086?db=k8s`; throws a `SinkUriError` that names the option, its value and what is allowed.
 * Every kind takes `name`, under which it is counted and spooled; default is the kind.
 */
export function parseSink(text: string): SinkPlan {
  const uri = new SinkUri(text)
  const declaration = declarations.find(({ kind }) => kind === uri.kind)
  if (declaration === undefined) {
    throw new SinkUriError(
      `sink ${uri.kind}: there is no such kind; allowed: ${declarations.map(({ kind, example }) => `"${kind}:${example}"`).join(', ')}`,
    )
  }
  const allowed = '1 to 63 lower-case letters, digits, "-" or "_"'
  const name = uri.text('name', { default: uri.kind, pattern: namePattern, allowed })
  const { create, influx } = declaration.read(uri)
  uri.finish()
  return {
    kind: uri.kind,
    name,
    description: uri.describe(),
    create: (context) => create(name, context),
    ...(influx === undefined ? {} : { influx }),
  }
}

/** Reads several; throws a `SinkUriError` too when two have the same name, since both would use the same spool. */
export function parseSinks(texts: readonly string[]): readonly SinkPlan[] {
  const plans = texts.map(parseSink)
  const twice = plans.find(({ name }, index) => plans.findIndex((plan) => plan.name === name) < index)
  if (twice === undefined) return plans
  throw new SinkUriError(`sink ${twice.kind}: name: ${JSON.stringify(twice.name)} is taken by another sink; give one of them "name=…"`)
}
