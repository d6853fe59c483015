import { parse, stringify } from 'yaml'
import { durationForm, parseDuration } from '../../lib/duration.ts'
import { DocumentReader, FileError } from '../../lib/document.ts'
import type { Field } from '../../lib/document.ts'
import type { InhibitRule } from './inhibition.ts'
import { createMatcher, parseMatchers } from './matcher.ts'
import type { Matcher } from './matcher.ts'
import { readExtensions } from './extensions.ts'
import type { Extensions } from './extensions.ts'
import { ReceiverReader } from './receiver-reader.ts'
import type { ReadSecretFile } from './receiver-reader.ts'
import { readReceiver } from './receiver-settings.ts'
import { readTemplates } from './template-files.ts'
import type { FindFiles } from './template-files.ts'
import type { Receiver } from './receiver.ts'
import { readGlobals } from './globals.ts'
import { redact } from './redact.ts'
import { routeKey } from './route.ts'
import type { Route } from './route.ts'
import { readTimeIntervals } from './time-interval.ts'
import type { TimeInterval } from './time-interval.ts'

/** Alertmanager's configuration, checked and with its defaults filled in. */
export interface Configuration {
  readonly route: Route
  readonly receivers: ReadonlyMap<string, Receiver>
  readonly inhibitRules: readonly InhibitRule[]
  readonly timeIntervals: ReadonlyMap<string, TimeInterval>
  readonly resolveTimeoutMs: number
  readonly extensions: Extensions
  /** The configuration as YAML that amtool reads, with `<secret>` in place of secrets. */
  readonly redacted: string
}

const routeKeys = [
  'receiver',
  'group_by',
  'continue',
  'matchers',
  'match',
  'match_re',
  'group_wait',
  'group_interval',
  'repeat_interval',
  'routes',
  'mute_time_intervals',
  'active_time_intervals',
] as const
const inhibitKeys = [
  'name',
  'source_match',
  'source_match_re',
  'source_matchers',
  'target_match',
  'target_match_re',
  'target_matchers',
  'equal',
] as const
const topKeys = ['global', 'route', 'receivers', 'inhibit_rules', 'templates', 'time_intervals', 'mute_time_intervals', 'binnacle'] as const

type Grouping = Pick<Route, 'groupBy' | 'groupWaitMs' | 'groupIntervalMs' | 'repeatIntervalMs'>

/** Alertmanager's defaults. */
const defaultGrouping: Grouping = { groupBy: [], groupWaitMs: 30_000, groupIntervalMs: 300_000, repeatIntervalMs: 14_400_000 }

const maxRouteDepth = 32
const maxRoutes = 10_000

/**
 * Reads a configuration in Alertmanager's format. Throws `FileError` with a line and column for every problem; what this program cannot do
 * (some kinds of receivers) is a problem too, so that nobody relies on a notification that will not come. Secrets in files are not
 * read here. `readFile` reads files that the configuration names (an `Error` with a `code` where it cannot), `findFiles` expands patterns.
 */
export function parseConfiguration(file: string, text: string, readFile: ReadSecretFile, findFiles: FindFiles = () => []): Configuration {
  const reader = new DocumentReader(file, text)
  const fields = reader.record(reader.root, topKeys, ['route', 'receivers'])
  const globals = readGlobals(reader, fields.global, readFile)
  const templates = readTemplates(reader, fields.templates, { read: readFile, find: findFiles })
  const context = new ReceiverReader({ document: reader, globals, templates, readFile })
  const receivers = new Map<string, Receiver>()
  for (const field of reader.list(fields.receivers)) {
    const receiver = readReceiver(context, field)
    if (receiver === undefined) continue
    if (receivers.has(receiver.name)) reader.problem(field, `receiver ${receiver.name} is there twice`)
    receivers.set(receiver.name, receiver)
  }
  const timeIntervals = readTimeIntervals(reader, [fields.time_intervals, fields.mute_time_intervals])
  const routes = new RouteReader(reader, receivers, timeIntervals)
  const route = fields.route && routes.read(fields.route, undefined, 0)
  const inhibitRules = reader.list(fields.inhibit_rules).map((field) => readInhibitRule(reader, field))
  const extensions = readExtensions(reader, fields.binnacle, receivers)
  reader.finish()
  if (route === undefined) throw new FileError([{ file, line: 1, column: 1, field: 'route', value: '', allowed: 'must be there' }])
  const redacted = stringify(redact(parse(text)))
  return { route, receivers, inhibitRules, timeIntervals, resolveTimeoutMs: globals.resolveTimeoutMs, extensions, redacted }
}

/** Reads the routing tree; counts its nodes, since aliases can make a small file a large tree. */
class RouteReader {
  readonly #reader: DocumentReader
  readonly #receivers: ReadonlyMap<string, Receiver>
  readonly #timeIntervals: ReadonlyMap<string, TimeInterval>
  #count = 0

  constructor(reader: DocumentReader, receivers: ReadonlyMap<string, Receiver>, timeIntervals: ReadonlyMap<string, TimeInterval>) {
    this.#reader = reader
    this.#receivers = receivers
    this.#timeIntervals = timeIntervals
  }

  read(field: Field, parent: Route | undefined, depth: number): Route | undefined {
    const reader = this.#reader
    if (depth > maxRouteDepth || ++this.#count > maxRoutes) {
      return reader.problem(field, `the tree may be ${maxRouteDepth} levels deep and have ${maxRoutes} routes`)
    }
    const fields = reader.record(field, routeKeys, parent === undefined ? ['receiver'] : [])
    const matchers = readMatchers(reader, [fields.match, fields.match_re, fields.matchers])
    const continues = reader.boolean(fields.continue) ?? false
    if (parent === undefined && matchers.length > 0) reader.problem(field, 'the root route must not have any matchers')
    if (parent === undefined && continues) reader.problem(fields.continue!, 'the root route cannot continue')
    const receiver = reader.text(fields.receiver) ?? parent?.receiver ?? ''
    if (fields.receiver !== undefined && !this.#receivers.has(receiver)) {
      reader.problem(fields.receiver, `no such receiver; defined: ${[...this.#receivers.keys()].join(', ')}`)
    }
    const own = {
      key: routeKey(parent?.key, matchers),
      receiver,
      matchers,
      continues,
      ...this.#readGrouping(fields, parent),
      muteIntervals: this.#readIntervalNames(fields.mute_time_intervals, parent),
      activeIntervals: this.#readIntervalNames(fields.active_time_intervals, parent),
    }
    const routes = reader.list(fields.routes).flatMap((child) => this.read(child, { ...own, routes: [] }, depth + 1) ?? [])
    return { ...own, routes }
  }

  #readGrouping(fields: Partial<Record<(typeof routeKeys)[number], Field>>, parent: Route | undefined): Grouping {
    const inherited = parent ?? defaultGrouping
    return {
      groupBy: fields.group_by === undefined ? inherited.groupBy : this.#readGroupBy(fields.group_by),
      groupWaitMs: this.#readPositive(fields.group_wait, true) ?? inherited.groupWaitMs,
      groupIntervalMs: this.#readPositive(fields.group_interval) ?? inherited.groupIntervalMs,
      repeatIntervalMs: this.#readPositive(fields.repeat_interval) ?? inherited.repeatIntervalMs,
    }
  }

  #readGroupBy(field: Field): readonly string[] | 'all' {
    const names = this.#reader.texts(field)
    if (!names.includes('...')) return [...new Set(names)].sort()
    if (names.length > 1) this.#reader.problem(field, 'cannot have ... together with label names')
    return 'all'
  }

  #readPositive(field: Field | undefined, canBeZero = false): number | undefined {
    const ms = this.#reader.parsed(field, parseDuration, durationForm)
    if (ms === 0 && !canBeZero) this.#reader.problem(field!, 'cannot be zero')
    return ms
  }

  #readIntervalNames(field: Field | undefined, parent: Route | undefined): readonly string[] {
    if (field !== undefined && parent === undefined) this.#reader.problem(field, 'the root route must not have time intervals')
    return this.#reader.list(field).flatMap((item) => {
      const name = this.#reader.text(item) ?? ''
      if (!this.#timeIntervals.has(name)) this.#reader.problem(item, 'no time interval has this name')
      return [name]
    })
  }
}

function readInhibitRule(reader: DocumentReader, field: Field): InhibitRule {
  const fields = reader.record(field, inhibitKeys)
  return {
    source: readMatchers(reader, [fields.source_match, fields.source_match_re, fields.source_matchers]),
    target: readMatchers(reader, [fields.target_match, fields.target_match_re, fields.target_matchers]),
    equal: reader.texts(fields.equal),
  }
}

function readMatchers(
  reader: DocumentReader,
  [equals, patterns, matchers]: readonly [Field | undefined, Field | undefined, Field | undefined],
): Matcher[] {
  const fromRecord = (field: Field | undefined, operator: '=' | '=~') =>
    field === undefined
      ? []
      : reader
          .entries(field)
          .map(([name, member]) => reader.attempt(member, () => createMatcher(name, operator, reader.text(member) ?? '')))
  const fromList = reader.list(matchers).flatMap((item) => reader.attempt(item, () => parseMatchers(reader.text(item) ?? '')) ?? [])
  return [...fromRecord(equals, '='), ...fromRecord(patterns, '=~'), ...fromList].filter((matcher) => matcher !== undefined)
}
