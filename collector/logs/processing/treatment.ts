import { matchesLabels, parseLabelSelector, type LabelSelector } from '../../../lib/label-selector.ts'
import type { LogOrigin } from '../log-batch.ts'
import type {
  LimitSettings,
  LogMetricSettings,
  LogSettings,
  MatchSettings,
  MultilineSettings,
  ParserSettings,
  RuleSettings,
  SampleSettings,
} from '../settings.ts'
import { matchesWildcard } from '../wildcard.ts'
import { readWishes } from './annotations.ts'

/** What is to be done with the lines of an origin, as plain data. */
export interface Treatment {
  readonly isExcluded: boolean
  readonly parser: ParserSettings | undefined
  readonly multiline: MultilineSettings | undefined
  readonly limit: LimitSettings | undefined
  readonly drop: readonly string[]
  readonly keep: readonly string[]
  readonly sample: readonly SampleSettings[]
  readonly isRedacted: boolean
  readonly redactPatterns: readonly string[]
  readonly metrics: readonly LogMetricSettings[]
  readonly sinks: readonly string[] | undefined
  /** Annotations that are not heeded, and why. */
  readonly problems: readonly string[]
}

/**
 * What rules and annotations make of an origin: later rules count more than earlier ones, and annotations most, but a limit of a rule is never
 * loosened by one.
 */
export function treatmentOf({ rules, heedsAnnotations }: Pick<LogSettings, 'rules' | 'heedsAnnotations'>, origin: LogOrigin): Treatment {
  const own = rules.filter(({ match }) => matches(match, origin))
  const last = <K extends keyof RuleSettings>(key: K): RuleSettings[K] =>
    own.findLast((rule) => rule[key] !== undefined)?.[key] as RuleSettings[K]
  const { wishes, problems } = heedsAnnotations ? readWishes(origin.annotations, origin.container) : { wishes: {}, problems: [] }
  const limit = last('limit')
  return {
    isExcluded: wishes.isExcluded ?? last('isExcluded') ?? false,
    parser: wishes.parser ?? last('parser'),
    // An entry of the journal is whole, however many lines it has.
    multiline: origin.kind === 'journal' ? undefined : (wishes.multiline ?? last('multiline')),
    limit: tighter(limit, wishes.limit),
    drop: own.flatMap((rule) => rule.drop),
    keep: own.flatMap((rule) => rule.keep),
    sample: own.flatMap((rule) => rule.sample),
    isRedacted: last('redact')?.isOn ?? true,
    redactPatterns: own.flatMap((rule) => rule.redact?.patterns ?? []),
    metrics: own.flatMap((rule) => rule.metrics),
    sinks: last('sinks'),
    problems,
  }
}

function tighter(a: LimitSettings | undefined, b: LimitSettings | undefined): LimitSettings | undefined {
  if (a === undefined || b === undefined) return a ?? b
  return {
    linesPerSecond: Math.min(a.linesPerSecond, b.linesPerSecond),
    bytesPerSecond: Math.min(a.bytesPerSecond, b.bytesPerSecond),
    burstSeconds: Math.min(a.burstSeconds, b.burstSeconds),
  }
}

/** Whether a rule is for an origin. */
export function matches(match: MatchSettings, origin: LogOrigin): boolean {
  const isOneOf = (forms: readonly string[], text: string) => forms.length === 0 || forms.some((form) => matchesWildcard(form, text))
  return (
    isOneOf(match.kinds, origin.kind) &&
    isOneOf(match.namespaces, origin.namespace) &&
    isOneOf(match.pods, origin.pod) &&
    isOneOf(match.containers, origin.container) &&
    isOneOf(match.images, origin.image) &&
    isOneOf(match.ids, origin.id) &&
    (match.selector === undefined || matchesLabels(selectorOf(match.selector), origin.labels))
  )
}

const selectors = new Map<string, LabelSelector>()

/** Selectors come from the configuration, so there are few. */
function selectorOf(text: string): LabelSelector {
  const known = selectors.get(text) ?? parseLabelSelector(text)
  selectors.set(text, known)
  return known
}
