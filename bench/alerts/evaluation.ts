import { columnOf } from '../../aggregator/catalog.ts'
import type { MetricName } from '../../aggregator/catalog.ts'
import { createEntity, entityKeys } from '../../aggregator/entity.ts'
import { MemoryWindow } from '../../aggregator/memory-window.ts'
import { createMetricSet } from '../../aggregator/metric-set.ts'
import { Evaluator } from '../../alerts/evaluation/evaluator.ts'
import { Observer } from '../../alerts/evaluation/observer.ts'
import { parseRuleFile } from '../../alerts/rules/rule-file.ts'
import { AlertStore } from '../../alerts/state/alert-store.ts'
import { createInlineJournal } from '../../alerts/state/inline-journal.ts'
import { FakeClock } from '../../lib/fake-clock.ts'
import { silentLog } from '../../lib/log.ts'
import type { Measurement } from '../measurement.ts'

const pods = 1000
const namespaces = 100
const samples = 60
const stepMs = 5000
const rounds = 10

const measured = [
  'cpu/usage_rate',
  'cpu/limit',
  'memory/working_set',
  'memory/limit',
  'memory/rss',
  'restart_count',
  'network/rx_rate',
  'network/tx_rate',
  'process/count',
  'memory/page_faults_rate',
] as const satisfies readonly MetricName[]

/** Ten kinds of rules, one per metric, as people write them. */
const kinds = [
  "metric: cpu/usage_rate, aggregation: avg, window: 1m, of: limit, condition: '> 99%', recovery: '< 80%', for: 1m",
  "metric: cpu/limit, condition: '> 1000cores'",
  "metric: memory/working_set, aggregation: max, window: 5m, of: limit, condition: '> 99%'",
  "metric: memory/limit, aggregation: min, window: 1m, condition: '< 1'",
  "metric: memory/rss, groupBy: [namespace], aggregation: avg, window: 2m, condition: '> 1Ti'",
  "metric: restart_count, aggregation: increase, window: 5m, condition: '> 1M'",
  "metric: network/rx_rate, aggregation: change_percent, window: 4m, condition: '> 900%'",
  "metric: network/tx_rate, aggregation: avg, window: 1m, members: '> 1G', condition: '> 30%'",
  "metric: process/count, outlier: {}, condition: '> 900'",
  "metric: memory/page_faults_rate, aggregation: rate, window: 5m, condition: '> 1M'",
] as const

/** One pod in a hundred is at its limits. */
function valueOf(metric: MetricName, pod: number): number {
  return metric.endsWith('/limit') && pod % 100 !== 0 ? 2000 : 1000
}

/** A window with ten series of each of a thousand pods, five minutes of samples each. */
function fillWindow(clock: FakeClock): MemoryWindow {
  const window = new MemoryWindow({ windowMs: 3_600_000, maxBytes: 512 << 20 })
  const entities = Array.from({ length: pods }, (_, index) => {
    const [namespace, name] = [`team-${index % namespaces}`, `pod-${index}`]
    const labels = { namespace_name: namespace, pod_name: name, nodename: `node-${index % 20}`, labels: 'app:web' }
    return createEntity('pod', entityKeys.pod(namespace, name), labels)
  })
  for (let sample = samples; sample > 0; sample--) {
    const sets = entities.map((entity, pod) => {
      const set = createMetricSet(entity)
      for (const metric of measured) set.values[columnOf(metric)] = valueOf(metric, pod) + ((pod * 7 + sample) % 13)
      return [entity.key, set] as const
    })
    window.add({ nodeName: 'n', timestamp: clock.now() - sample * stepMs, sets: new Map(sets) })
  }
  return window
}

/** A thousand rules; each reads one metric of the pods of one namespace, or of all pods. */
function writeRules(isWide: boolean): string {
  const rules = Array.from({ length: namespaces }, (_, namespace) =>
    kinds.map((kind, index) => {
      const labels = isWide ? '' : `, labels: { namespace: team-${namespace} }`
      return `  - { alert: Rule${index}n${namespace}, entity: { type: pod${labels} }, ${kind} }`
    }),
  )
  return `groups:\n- name: g\n  rules:\n${rules.flat().join('\n')}\n`
}

interface EvaluationResult {
  readonly rules: number
  readonly seconds: number
}

async function measureRules(isWide: boolean): Promise<EvaluationResult> {
  const clock = new FakeClock(Date.UTC(2030, 0, 1))
  const window = fillWindow(clock)
  const observer = new Observer({ window, windowMs: 3_600_000, bucketMs: stepMs })
  const alerts = new AlertStore({ journal: createInlineJournal() })
  const evaluator = new Evaluator({ observer, clock, log: silentLog, alerts, intervalMs: stepMs, externalUrl: 'http://bench' })
  const groups = parseRuleFile('bench.yaml', writeRules(isWide))
  evaluator.load(groups)
  await evaluator.evaluate()
  const turns = isWide ? 1 : rounds
  const begun = process.cpuUsage()
  for (let turn = 0; turn < turns; turn++) {
    evaluator.load(groups)
    await clock.advance(stepMs)
    await evaluator.evaluate()
  }
  const { user, system } = process.cpuUsage(begun)
  const failed = evaluator.status().flatMap(({ rules }) => rules.filter(({ health }) => health !== 'ok'))
  if (failed.length > 0) throw new Error(`${failed.length} rules were not evaluated: ${failed[0]!.lastError}`)
  return { rules: groups[0]!.rules.length, seconds: (user + system) / 1e6 / turns }
}

/** The rows of the table in `bench/README.md`. */
export async function measureEvaluation(): Promise<readonly Measurement[]> {
  const narrow = await measureRules(false)
  const wide = await measureRules(true)
  const each = (wide.seconds / wide.rules / pods) * 1e6
  return [
    {
      what: `one evaluation of ${narrow.rules.toLocaleString('en')} rules over 10,000 series of 60 samples, each rule on the ten pods of a namespace, CPU time`,
      value: `${Math.round(narrow.seconds * 1000)} ms`,
      aim: '1 s',
    },
    {
      what: `the same rules on all 1,000 pods each: ${(wide.rules * pods).toLocaleString('en')} series read`,
      value: `${wide.seconds.toFixed(1)} s, ${each.toFixed(1)} µs a series`,
      aim: '',
    },
  ]
}

if (import.meta.main) {
  for (const { what, value, aim } of await measureEvaluation()) process.stdout.write(`${what}: ${value} (aim ${aim})\n`)
}
