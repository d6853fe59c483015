import { systemClock } from '../../lib/clock.ts'
import { createLog } from '../../lib/log.ts'
import { systemRandom } from '../../lib/random.ts'
import { CoreV1Pod } from '../../orchestrator/api/generated/kinds.ts'
import { explainPod } from '../../orchestrator/scheduler/explain.ts'
import type { PodExplanation } from '../../orchestrator/scheduler/explain.ts'
import { defaultSchedulerName } from '../../orchestrator/scheduler/pod-phase.ts'
import { CommandError, connectionFlags, withCluster } from '../cluster-connection.ts'
import { describeFlagTable, parseCommandLine, parseSwitch } from '../flag-table.ts'
import { UsageError } from '../options.ts'
import { schedulerSettings } from '../scheduler-configuration.ts'
import type { CommandContext } from './start.ts'

const waitMs = 15_000

const flags = {
  ...connectionFlags,
  'scheduler-config': {
    placeholder: 'FILE',
    help: "the scheduler's configuration, where it was started with one",
    parse: (text: string) => text,
  },
  json: { fallback: 'false', help: 'all of it as JSON', parse: parseSwitch },
} as const

/** The flags of `why`. */
export const describeWhy = (): string => `Usage: binnacle why POD [-n NAMESPACE] [FLAGS]\n\n${describeFlagTable(flags)}`

/** `why`: what the scheduler's plugins say of a pod on every node, as the cluster is now. Looks only. Resolves with the exit code. Throws `UsageError`. */
export async function runWhy(args: readonly string[], context: CommandContext): Promise<number> {
  const { values, words } = parseCommandLine(args, flags)
  const [name, ...more] = words.map((word) => word.replace(/^pods?\//, ''))
  if (name === undefined || more.length > 0) throw new UsageError('name one pod: why POD [-n NAMESPACE]')
  const settings = schedulerSettings(values['scheduler-config'])
  return withCluster(values, context.complain, async ({ client, namespace, signal }) => {
    const log = createLog({ level: 'error', component: 'why' })
    const patience = AbortSignal.any([signal, AbortSignal.timeout(waitMs)])
    // First what can be refused at once: no such pod, no such server.
    await client.get(CoreV1Pod, { namespace, name })
    const services = { client, clock: systemClock, random: systemRandom, log }
    const explanation = await explainPod({ ...services, ...settings, namespace, name, signal: patience }).catch((error: unknown) => {
      if (patience.aborted) throw new CommandError(`not all that a decision looks at could be read within ${waitMs / 1000} s`)
      throw error
    })
    if (explanation === undefined) throw new CommandError(`pods "${name}" not found: it is gone`)
    if (values.json) context.print(JSON.stringify(withoutObjects(explanation), undefined, 2))
    else for (const line of formatExplanation(explanation)) context.print(line)
    return 0
  })
}

const nameOf = ({ metadata }: CoreV1Pod) => `${metadata.namespace}/${metadata.name}`
const describeVictim = (pod: CoreV1Pod) => `${nameOf(pod)} (priority ${pod.spec.priority ?? 0})`

const withoutObjects = ({ pod, candidates, ...rest }: PodExplanation) => ({
  pod: nameOf(pod),
  nodeName: pod.spec.nodeName,
  ...rest,
  candidates: candidates.map(({ nodeName, violations, victims }) => ({ nodeName, violations, victims: victims.map(nameOf) })),
})

/** The explanation as text: what comes of it, every filter on every node, scores, and who could make room. */
export function formatExplanation(explanation: PodExplanation): readonly string[] {
  const { nodes } = explanation
  return [
    ...headline(explanation),
    '',
    ...(nodes.length === 0 ? ['There are no nodes.'] : filterLines(explanation)),
    ...scoreLines(explanation),
    ...roomLines(explanation),
  ]
}

function headline({ pod, isKnown, gates, message, nodes }: PodExplanation): readonly string[] {
  const { nodeName, priority = 0, priorityClassName, schedulerName = defaultSchedulerName } = pod.spec
  const importance = priorityClassName === undefined ? `priority ${priority}` : `priority ${priority}, ${priorityClassName}`
  const state = nodeName === undefined ? 'has no node' : `is on ${nodeName}`
  const fit = nodes.filter(({ isFeasible }) => isFeasible).length
  return [
    `Pod ${nameOf(pod)} ${state} (${importance}; ${schedulerName})`,
    ...(isKnown ? [] : [`It waits for the scheduler ${schedulerName}, which is not this one. What this one would say:`]),
    ...gates.map((gate) => `${gate}: ${(pod.spec.schedulingGates ?? []).map(({ name }) => name).join(', ')}`),
    message ?? `${fit}/${nodes.length} nodes are available${nodeName === undefined ? '' : ', were it to be scheduled now'}.`,
  ]
}

function filterLines({ nodes }: PodExplanation): readonly string[] {
  return nodes.flatMap(({ name, isFeasible, verdicts }) => {
    const passed = verdicts.filter(({ reasons }) => reasons.length === 0).map(({ plugin }) => plugin)
    const refused = verdicts.flatMap(({ plugin, reasons }) => reasons.map((reason) => `  ${plugin.padEnd(22)}${reason}`))
    return [
      `${name}: ${isFeasible ? 'fits' : 'does not fit'}`,
      ...refused,
      ...(passed.length === 0 ? [] : [`  passed by             ${passed.join(', ')}`]),
    ]
  })
}

function scoreLines({ nodes, pod }: PodExplanation): readonly string[] {
  const feasible = nodes.filter(({ isFeasible }) => isFeasible).sort((a, b) => b.total - a.total)
  if (feasible.length === 0) return []
  const columns = feasible[0]!.scores.map(({ plugin, weight }) => (weight === 1 ? plugin : `${plugin}×${weight}`))
  const rows = feasible.map(({ name, scores, total }) => [
    name === pod.spec.nodeName ? `${name} *` : name,
    ...scores.map(({ score }) => String(Math.round(score * 100) / 100)),
    String(Math.round(total * 100) / 100),
  ])
  return ['', ...alignColumns([['SCORES', ...columns, 'TOTAL'], ...rows])]
}

function alignColumns(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = rows[0]!.map((_, at) => Math.max(...rows.map((row) => row[at]!.length)))
  return rows.map((row) =>
    row
      .map((cell, at) => cell.padEnd(widths[at]!))
      .join('  ')
      .trimEnd(),
  )
}

function roomLines({ message, pod, candidates }: PodExplanation): readonly string[] {
  if (message === undefined) return []
  if (pod.spec.preemptionPolicy === 'Never') return ['', 'Preemption: its policy is Never.']
  if (candidates.length === 0) return ['', 'Preemption: nobody less important makes enough room by leaving.']
  return [
    '',
    'Preemption, the best choice first:',
    ...candidates.map(({ nodeName, victims, violations }) => {
      const against = violations === 0 ? '' : `; ${violations} against a disruption budget`
      return `  ${nodeName}: ${victims.map(describeVictim).join(', ')} would leave${against}`
    }),
  ]
}
