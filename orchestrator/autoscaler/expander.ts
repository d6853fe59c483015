import { parse } from 'yaml'
import type { Random } from '../../lib/random.ts'
import { compileRegularExpression } from '../../lib/regular-expression.ts'
import type { ScaleUpOption } from './scale-up.plan.ts'
import type { ExpanderName } from './settings.ts'

/** Group names by priority, higher first: expressions that match an id. */
export type Priorities = readonly { readonly priority: number; readonly expressions: readonly { test(text: string): boolean }[] }[]

/**
 * The `priorities` of the ConfigMap `cluster-autoscaler-priority-expander`: a mapping of numbers to lists of regular expressions. Throws an `Error`
 * that says what is wrong.
 */
export function parsePriorities(text: string): Priorities {
  const document: unknown = parse(text)
  if (typeof document !== 'object' || document === null || Array.isArray(document)) throw new Error('priorities: must be a mapping')
  return Object.entries(document)
    .map(([key, value]) => {
      const priority = Number(key)
      if (!Number.isInteger(priority)) throw new Error(`priorities: ${JSON.stringify(key)} is not a whole number`)
      if (!Array.isArray(value)) throw new Error(`priorities.${key}: must be a list of regular expressions`)
      return { priority, expressions: value.map((expression) => compileRegularExpression(String(expression))) }
    })
    .sort((a, b) => b.priority - a.priority)
}

export interface ExpanderContext {
  readonly random: Random
  /** None where nobody wrote any. */
  readonly priorities: Priorities
}

/** Chooses one of several options: each expander leaves the best by its measure, chance decides among those that are left. As upstream. */
export function chooseOption(
  options: readonly ScaleUpOption[],
  names: readonly ExpanderName[],
  context: ExpanderContext,
): ScaleUpOption | undefined {
  let left = options
  for (const name of names) left = narrow(left, name, context)
  return left[Math.min(Math.floor(context.random.fraction() * left.length), left.length - 1)]
}

function narrow(options: readonly ScaleUpOption[], name: ExpanderName, { priorities }: ExpanderContext): readonly ScaleUpOption[] {
  switch (name) {
    case 'least-waste':
      return bestBy(options, ({ waste }) => -waste)
    case 'most-pods':
      return bestBy(options, ({ pods }) => pods.length)
    case 'priority': {
      const rank = ({ group }: ScaleUpOption) =>
        priorities.find(({ expressions }) => expressions.some((expression) => expression.test(group.id)))?.priority ?? -Infinity
      return bestBy(options, rank)
    }
    case 'random':
      return options
  }
}

function bestBy(options: readonly ScaleUpOption[], measure: (option: ScaleUpOption) => number): readonly ScaleUpOption[] {
  const best = Math.max(...options.map(measure))
  return options.filter((option) => measure(option) === best)
}
