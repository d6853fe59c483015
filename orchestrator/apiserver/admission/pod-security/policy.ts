import { invalidValue } from '../../../api/field-errors.ts'
import type { StatusCause } from '../../../api/status-error.ts'

/** How strict the rules for pods are, from lax to strict. */
export const levels = ['privileged', 'baseline', 'restricted'] as const
export type Level = (typeof levels)[number]

/** A set of rules: those of a level, as they were in a release. */
export interface Standard {
  readonly level: Level
  /** `latest` or `v1.N`. */
  readonly version: string
}

/** What is asked of a namespace's pods, and what becomes of those that are not so. */
export interface Policy {
  /** Refused. */
  readonly enforce: Standard
  /** Noted in the audit log. */
  readonly audit: Standard
  /** Told to the client. */
  readonly warn: Standard
}

/** A policy, and what is wrong with the labels that it was read from. */
export interface ReadPolicy {
  readonly policy: Policy
  readonly causes: readonly StatusCause[]
}

/** What labels and annotations for the audit log begin with. */
export const prefix = 'pod-security.kubernetes.io/'

const unlabelled: Standard = { level: 'privileged', version: 'latest' }
const versionPattern = /^v1\.(0|[1-9]\d*)$/
/** Numbers of releases are Go's `int`. */
const maxMinor = 2n ** 63n - 1n

/**
 * The policy that labels of a namespace give. Labels that cannot be read count as `latest` and, so that nothing gets in by a slip of the pen,
 * as `restricted` where pods are refused, as `privileged` elsewhere. Warnings follow a stricter `enforce` unless they have a level of their own.
 */
export function readPolicy(labels: Readonly<Record<string, string>> = {}): ReadPolicy {
  const causes: StatusCause[] = []
  const read = (name: string, check: (value: string) => string | undefined, bad: string): string | undefined => {
    const value = labels[prefix + name]
    if (value === undefined) return undefined
    const problem = check(value)
    if (problem === undefined) return value
    causes.push(invalidValue(`metadata.labels[${prefix}${name}]`, value, problem))
    return bad
  }
  const standard = (mode: keyof Policy, bad: Level): Standard => ({
    level: (read(mode, checkLevel, bad) as Level | undefined) ?? unlabelled.level,
    version: read(`${mode}-version`, checkVersion, 'latest') ?? unlabelled.version,
  })
  const enforce = standard('enforce', 'restricted')
  const isEnforceReadable = !causes.some(({ field }) => field === `metadata.labels[${prefix}enforce]`)
  const audit = standard('audit', 'privileged')
  let warn = standard('warn', 'privileged')
  if (labels[`${prefix}warn`] === undefined && isEnforceReadable && compareLevels(enforce.level, warn.level) > 0)
    warn = { level: enforce.level, version: labels[`${prefix}warn-version`] === undefined ? enforce.version : warn.version }
  return { policy: { enforce, audit, warn }, causes }
}

/** Above 0 where `a` is stricter than `b`. */
export const compareLevels = (a: Level, b: Level): number => levels.indexOf(a) - levels.indexOf(b)

export const isSameStandard = (a: Standard, b: Standard): boolean => a.level === b.level && a.version === b.version

/** `restricted:latest`, as clients are told. */
export const standardText = ({ level, version }: Standard): string => `${level}:${version}`

/** The `N` of `v1.N`; infinite for the latest. */
export const minorOf = ({ version }: Standard): number => Number(versionPattern.exec(version)?.[1] ?? Infinity)

function checkLevel(value: string): string | undefined {
  return (levels as readonly string[]).includes(value) ? undefined : `must be one of ${levels.join(', ')}`
}

function checkVersion(value: string): string | undefined {
  const minor = versionPattern.exec(value)?.[1]
  return value === 'latest' || (minor !== undefined && BigInt(minor) <= maxMinor) ? undefined : 'must be "latest" or "v1.x"'
}
