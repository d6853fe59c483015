import type { DocumentReader, Field } from '../../lib/document.ts'
import type { CoreV1NodeAffinity } from '../api/generated/kinds.ts'
import type { DefaultConstraint, PodTopologySpreadArgs } from './plugins/pod-topology-spread.ts'
import type { PluginArguments, PluginName } from './registry.ts'
import { defaultResources } from './scoring-strategy.ts'
import type { ScoringStrategy, UtilizationPoint, WeightedResource } from './scoring-strategy.ts'

const typeFields = ['apiVersion', 'kind'] as const
const configVersion = 'kubescheduler.config.k8s.io/v1'
const maxShapeScore = 10

type Reader<T> = (reader: DocumentReader, field: Field) => T
type ArgumentReaders = { readonly [K in keyof PluginArguments]-?: Reader<NonNullable<PluginArguments[K]>> }

const readers: ArgumentReaders = {
  DefaultPreemption: (reader, field) => {
    const fields = members(reader, field, 'DefaultPreemption', ['minCandidateNodesPercentage', 'minCandidateNodesAbsolute'])
    const percentage = integer(reader, fields.minCandidateNodesPercentage, 0, 100)
    const absolute = integer(reader, fields.minCandidateNodesAbsolute, 0, 1_000_000)
    if (percentage === 0 && absolute === 0)
      reader.problem(field, 'minCandidateNodesPercentage and minCandidateNodesAbsolute cannot both be zero')
    return given({ minCandidateNodesPercentage: percentage, minCandidateNodesAbsolute: absolute })
  },
  InterPodAffinity: (reader, field) => {
    const fields = members(reader, field, 'InterPodAffinity', ['hardPodAffinityWeight', 'ignorePreferredTermsOfExistingPods'])
    return given({
      hardPodAffinityWeight: integer(reader, fields.hardPodAffinityWeight, 0, 100),
      ignorePreferredTermsOfExistingPods: reader.boolean(fields.ignorePreferredTermsOfExistingPods),
    })
  },
  NodeAffinity: (reader, field) => {
    const { addedAffinity } = members(reader, field, 'NodeAffinity', ['addedAffinity'])
    return addedAffinity === undefined ? {} : { addedAffinity: readNodeAffinity(reader, addedAffinity) }
  },
  NodeResourcesBalancedAllocation: (reader, field) => {
    const fields = members(reader, field, 'NodeResourcesBalancedAllocation', ['resources'])
    if (fields.resources === undefined) return {}
    return { resources: readResources(reader, fields.resources, 1) }
  },
  NodeResourcesFit: (reader, field) => {
    const fields = members(reader, field, 'NodeResourcesFit', ['ignoredResources', 'ignoredResourceGroups', 'scoringStrategy'])
    return given({
      ignoredResources: reader.texts(fields.ignoredResources),
      ignoredResourceGroups: readGroups(reader, fields.ignoredResourceGroups),
      scoringStrategy: fields.scoringStrategy === undefined ? undefined : readStrategy(reader, fields.scoringStrategy),
    })
  },
  PodTopologySpread: (reader, field) => readSpread(reader, field),
}

/** What a file says to one plugin. Plugins that take nothing refuse everything but their own type. */
export function readPluginArguments(reader: DocumentReader, name: PluginName, field: Field): unknown {
  const read = (readers as Partial<Record<PluginName, Reader<unknown>>>)[name]
  if (read !== undefined) return read(reader, field)
  // Upstream's binder waits so long for volumes, and its allocator tries so long; here neither waits.
  const known = name === 'VolumeBinding' ? ['bindTimeoutSeconds', 'shape'] : name === 'DynamicResources' ? ['filterTimeout'] : []
  members(reader, field, name, known)
  return {}
}

function members<K extends string>(reader: DocumentReader, field: Field, plugin: PluginName, keys: readonly K[]) {
  const fields = reader.record(field, [...typeFields, ...keys] as readonly (K | (typeof typeFields)[number])[])
  const { apiVersion, kind } = fields as Partial<Record<(typeof typeFields)[number], Field>>
  reader.word(apiVersion, [configVersion])
  reader.word(kind, [`${plugin}Args`])
  return fields
}

/** Without what is `undefined`. */
function given<T extends object>(values: T): { [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as { [K in keyof T]?: NonNullable<T[K]> }
}

function integer(reader: DocumentReader, field: Field | undefined, min: number, max: number): number | undefined {
  const value = reader.number(field)
  if (value === undefined || (Number.isInteger(value) && value >= min && value <= max)) return value
  return reader.problem(field!, `must be a whole number from ${min} to ${max}`)
}

function readGroups(reader: DocumentReader, field: Field | undefined): readonly string[] {
  return reader.list(field).flatMap((item) => {
    const group = reader.text(item) ?? ''
    return group.includes('/') ? (reader.problem(item, 'must not contain a slash') ?? []) : [group]
  })
}

function readResources(reader: DocumentReader, field: Field, maxWeight: number): readonly WeightedResource[] {
  return reader.list(field).map((item) => {
    const fields = reader.record(item, ['name', 'weight'], ['name'])
    return { name: reader.text(fields.name) ?? '', weight: integer(reader, fields.weight, 1, maxWeight) ?? 1 }
  })
}

function readStrategy(reader: DocumentReader, field: Field): ScoringStrategy {
  const fields = reader.record(field, ['type', 'resources', 'requestedToCapacityRatio'])
  const type = reader.word(fields.type, ['LeastAllocated', 'MostAllocated', 'RequestedToCapacityRatio'] as const) ?? 'LeastAllocated'
  const resources = fields.resources === undefined ? defaultResources : readResources(reader, fields.resources, 100)
  if (type !== 'RequestedToCapacityRatio') return { type, resources }
  const ratio = fields.requestedToCapacityRatio
  const shape = ratio === undefined ? undefined : reader.record(ratio, ['shape'], ['shape']).shape
  if (shape === undefined) {
    if (ratio === undefined) reader.problem(field, 'field requestedToCapacityRatio is missing')
    return { type, resources }
  }
  return { type, resources, shape: readShape(reader, shape) }
}

function readShape(reader: DocumentReader, field: Field): readonly UtilizationPoint[] {
  const items = reader.list(field)
  if (items.length === 0) reader.problem(field, 'at least one point must be given')
  const shape: UtilizationPoint[] = []
  for (const item of items) {
    const fields = reader.record(item, ['utilization', 'score'], ['utilization', 'score'])
    const utilization = integer(reader, fields.utilization, 0, 100)
    const score = integer(reader, fields.score, 0, maxShapeScore)
    if (utilization === undefined || score === undefined) continue
    if (shape.length > 0 && utilization <= shape.at(-1)!.utilization)
      reader.problem(fields.utilization!, 'must be more than the point before')
    shape.push({ utilization, score })
  }
  return shape
}

function readSpread(reader: DocumentReader, field: Field): PodTopologySpreadArgs {
  const fields = members(reader, field, 'PodTopologySpread', ['defaultConstraints', 'defaultingType'])
  const type = reader.word(fields.defaultingType, ['System', 'List'] as const) ?? 'System'
  if (type === 'System') {
    if (fields.defaultConstraints !== undefined && reader.list(fields.defaultConstraints).length > 0)
      reader.problem(fields.defaultConstraints, 'only with defaultingType List')
    return {}
  }
  return { defaultConstraints: reader.list(fields.defaultConstraints).map((item) => readConstraint(reader, item)) }
}

function readConstraint(reader: DocumentReader, item: Field): DefaultConstraint {
  const required = ['maxSkew', 'topologyKey', 'whenUnsatisfiable'] as const
  const fields = reader.record(item, required, required)
  return {
    maxSkew: integer(reader, fields.maxSkew, 1, 1_000_000) ?? 1,
    topologyKey: reader.text(fields.topologyKey) ?? '',
    whenUnsatisfiable: reader.word(fields.whenUnsatisfiable, ['DoNotSchedule', 'ScheduleAnyway'] as const) ?? 'ScheduleAnyway',
  }
}

function readNodeAffinity(reader: DocumentReader, field: Field): CoreV1NodeAffinity {
  const keys = ['requiredDuringSchedulingIgnoredDuringExecution', 'preferredDuringSchedulingIgnoredDuringExecution'] as const
  const fields = reader.record(field, keys)
  const required = fields.requiredDuringSchedulingIgnoredDuringExecution
  const preferred = fields.preferredDuringSchedulingIgnoredDuringExecution
  return {
    ...(required === undefined ? {} : { requiredDuringSchedulingIgnoredDuringExecution: readNodeSelector(reader, required) }),
    ...(preferred === undefined
      ? {}
      : {
          preferredDuringSchedulingIgnoredDuringExecution: reader.list(preferred).map((item) => {
            const { weight, preference } = reader.record(item, ['weight', 'preference'], ['weight', 'preference'])
            return {
              weight: integer(reader, weight, 1, 100) ?? 1,
              preference: preference === undefined ? {} : readTerm(reader, preference),
            }
          }),
        }),
  }
}

function readNodeSelector(reader: DocumentReader, field: Field) {
  const { nodeSelectorTerms } = reader.record(field, ['nodeSelectorTerms'], ['nodeSelectorTerms'])
  return { nodeSelectorTerms: reader.list(nodeSelectorTerms).map((term) => readTerm(reader, term)) }
}

const operators = ['In', 'NotIn', 'Exists', 'DoesNotExist', 'Gt', 'Lt'] as const

function readTerm(reader: DocumentReader, field: Field) {
  const { matchExpressions, matchFields } = reader.record(field, ['matchExpressions', 'matchFields'])
  const expressions = (list: Field | undefined) =>
    reader.list(list).map((item) => {
      const fields = reader.record(item, ['key', 'operator', 'values'], ['key', 'operator'])
      const values = reader.texts(fields.values)
      return { key: reader.text(fields.key) ?? '', operator: reader.word(fields.operator, operators) ?? 'Exists', values }
    })
  return { matchExpressions: expressions(matchExpressions), matchFields: expressions(matchFields) }
}
