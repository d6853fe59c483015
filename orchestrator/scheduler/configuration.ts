import { readFileSync } from 'node:fs'
import { DocumentReader } from '../../lib/document.ts'
import type { Field } from '../../lib/document.ts'
import { readPluginArguments } from './plugin-arguments.ts'
import { defaultSchedulerName } from './pod-phase.ts'
import { defaultPlugins } from './profile.ts'
import type { EnabledPlugin, ProfileConfiguration, SchedulerConfiguration } from './profile.ts'
import { pluginNames, points, registry } from './registry.ts'
import type { PluginArguments, PluginName, Point } from './registry.ts'

const apiVersion = 'kubescheduler.config.k8s.io/v1'
const kind = 'KubeSchedulerConfiguration'
/** What concerns upstream's process, not its decisions: taken and left alone. */
const withoutMeaning = [
  'clientConnection',
  'delayCacheUntilActive',
  'enableContentionProfiling',
  'enableProfiling',
  'leaderElection',
  'parallelism',
] as const
const maxWeight = 100

/** Reads a `KubeSchedulerConfiguration` file. Throws `FileError` with every mistake, each with its place and field. */
export const readSchedulerConfiguration = (file: string): SchedulerConfiguration =>
  parseSchedulerConfiguration(file, readFileSync(file, 'utf8'))

/** The same of a text; `file` is its name in errors. */
export function parseSchedulerConfiguration(file: string, text: string): SchedulerConfiguration {
  const reader = new DocumentReader(file, text)
  const { root } = reader
  const fields = reader.record(
    root,
    [
      'apiVersion',
      'kind',
      'profiles',
      'percentageOfNodesToScore',
      'podInitialBackoffSeconds',
      'podMaxBackoffSeconds',
      'extenders',
      ...withoutMeaning,
    ],
    ['apiVersion', 'kind'],
  )
  reader.word(fields.apiVersion, [apiVersion])
  reader.word(fields.kind, [kind])
  if (fields.extenders !== undefined && reader.list(fields.extenders).length > 0)
    reader.problem(fields.extenders, 'extenders are not supported')
  const percentage = readInteger(reader, fields.percentageOfNodesToScore, 0, 100) ?? 0
  const initial = readInteger(reader, fields.podInitialBackoffSeconds, 1, 3_600) ?? 1
  const last = readInteger(reader, fields.podMaxBackoffSeconds, 1, 3_600) ?? Math.max(10, initial)
  if (last < initial) reader.problem(fields.podMaxBackoffSeconds ?? root, 'must not be less than podInitialBackoffSeconds')
  const profiles = fields.profiles === undefined ? [] : reader.list(fields.profiles).map((field) => readProfile(reader, field, percentage))
  checkProfiles(reader, fields.profiles ?? root, profiles)
  reader.finish()
  const fallback = { schedulerName: defaultSchedulerName, percentageOfNodesToScore: percentage, plugins: defaultPlugins(), args: {} }
  return {
    profiles: profiles.length === 0 ? [fallback] : profiles,
    podInitialBackoffMs: initial * 1_000,
    podMaxBackoffMs: last * 1_000,
  }
}

function checkProfiles(reader: DocumentReader, field: Field, profiles: readonly ProfileConfiguration[]): void {
  const names = profiles.map(({ schedulerName }) => schedulerName)
  const twice = names.find((name, at) => names.indexOf(name) !== at)
  if (twice !== undefined) reader.problem(field, `each schedulerName once; ${JSON.stringify(twice)} is there more often`)
}

function readInteger(reader: DocumentReader, field: Field | undefined, min: number, max: number): number | undefined {
  const value = reader.number(field)
  if (value === undefined || (Number.isInteger(value) && value >= min && value <= max)) return value
  return reader.problem(field!, `must be a whole number from ${min} to ${max}`)
}

function readProfile(reader: DocumentReader, field: Field, percentage: number): ProfileConfiguration {
  const fields = reader.record(field, ['schedulerName', 'percentageOfNodesToScore', 'plugins', 'pluginConfig'])
  const plugins = defaultPlugins()
  if (fields.plugins !== undefined) applyPlugins(reader, fields.plugins, plugins)
  if (plugins.queueSort.length !== 1) reader.problem(fields.plugins ?? field, 'exactly one plugin must be enabled at queueSort')
  if (plugins.bind.length === 0) reader.problem(fields.plugins ?? field, 'a plugin must be enabled at bind')
  return {
    schedulerName: reader.text(fields.schedulerName) ?? defaultSchedulerName,
    percentageOfNodesToScore: readInteger(reader, fields.percentageOfNodesToScore, 0, 100) ?? percentage,
    plugins,
    args: readArguments(reader, fields.pluginConfig),
  }
}

function readArguments(reader: DocumentReader, field: Field | undefined): PluginArguments {
  const args: Partial<Record<PluginName, unknown>> = {}
  for (const item of reader.list(field)) {
    const fields = reader.record(item, ['name', 'args'], ['name'])
    const name = reader.word(fields.name, pluginNames)
    if (name === undefined || fields.args === undefined) continue
    if (args[name] !== undefined) reader.problem(item, `each plugin once; ${name} has arguments already`)
    args[name] = readPluginArguments(reader, name, fields.args)
  }
  return args as PluginArguments
}

interface Wish {
  readonly disabled: ReadonlySet<PluginName | '*'>
  readonly enabled: readonly EnabledPlugin[]
}

/** What one point says goes before what multiPoint says; what is enabled stands behind what is left of the defaults, a plugin named again takes its new weight. */
function applyPlugins(reader: DocumentReader, field: Field, plugins: Record<Point, EnabledPlugin[]>): void {
  const fields = reader.record(field, ['multiPoint', ...points])
  const multi = fields.multiPoint === undefined ? undefined : readWish(reader, fields.multiPoint, undefined)
  for (const point of points) {
    const own = fields[point] === undefined ? undefined : readWish(reader, fields[point], point)
    let left: readonly EnabledPlugin[] = plugins[point]
    if (multi !== undefined) {
      const here = multi.enabled.filter(({ name }) => registry[name].points.includes(point))
      left = combine(left, { ...multi, enabled: here })
    }
    plugins[point] = [...(own === undefined ? left : combine(left, own))]
  }
}

function combine(plugins: readonly EnabledPlugin[], { disabled, enabled }: Wish): readonly EnabledPlugin[] {
  const kept = disabled.has('*') ? [] : plugins.filter(({ name }) => !disabled.has(name))
  const byName = new Map(kept.map((plugin) => [plugin.name, plugin]))
  for (const plugin of enabled) byName.set(plugin.name, plugin)
  return [...byName.values()]
}

function readWish(reader: DocumentReader, field: Field, point: Point | undefined): Wish {
  const fields = reader.record(field, ['enabled', 'disabled'])
  const disabled = new Set<PluginName | '*'>()
  for (const item of reader.list(fields.disabled)) {
    const { name } = reader.record(item, ['name'], ['name'])
    const word = reader.word(name, [...pluginNames, '*'] as const)
    if (word !== undefined) disabled.add(word)
  }
  const enabled: EnabledPlugin[] = []
  for (const item of reader.list(fields.enabled)) {
    const plugin = readEnabled(reader, item, point)
    if (plugin === undefined) continue
    if (enabled.some(({ name }) => name === plugin.name)) reader.problem(item, `each plugin once; ${plugin.name} is enabled already`)
    enabled.push(plugin)
  }
  return { disabled, enabled }
}

function readEnabled(reader: DocumentReader, item: Field, point: Point | undefined): EnabledPlugin | undefined {
  const { name: nameField, weight: weightField } = reader.record(item, ['name', 'weight'], ['name'])
  const name = reader.word(nameField, pluginNames)
  const weight = readInteger(reader, weightField, 1, maxWeight)
  if (name === undefined) return undefined
  const entry = registry[name]
  if (point !== undefined && !entry.points.includes(point))
    return reader.problem(nameField!, `does not work at ${point}, only at ${entry.points.join(', ')}`)
  return { name, weight: weight ?? entry.weight ?? 0 }
}
