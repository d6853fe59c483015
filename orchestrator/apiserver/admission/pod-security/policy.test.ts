import { expect, it, test } from 'vitest'
import { minorOf, prefix, readPolicy, standardText } from './policy.ts'

/** Labels by their names without the prefix; the policy as `enforce, audit, warn`. */
const read = (labels: Readonly<Record<string, string>>) => {
  const { policy, causes } = readPolicy(Object.fromEntries(Object.entries(labels).map(([name, value]) => [prefix + name, value])))
  return { text: [policy.enforce, policy.audit, policy.warn].map(standardText).join(', '), causes }
}

test.each<[labels: Readonly<Record<string, string>>, policy: string]>([
  [{}, 'privileged:latest, privileged:latest, privileged:latest'],
  [{ audit: 'baseline', 'audit-version': 'v1.20' }, 'privileged:latest, baseline:v1.20, privileged:latest'],
  [{ warn: 'restricted', 'warn-version': 'latest' }, 'privileged:latest, privileged:latest, restricted:latest'],
  // Warnings follow what is enforced…
  [{ enforce: 'baseline', 'enforce-version': 'v1.30' }, 'baseline:v1.30, privileged:latest, baseline:v1.30'],
  [{ enforce: 'baseline', 'enforce-version': 'v1.30', 'warn-version': 'v1.0' }, 'baseline:v1.30, privileged:latest, baseline:v1.0'],
  // … unless they have a level of their own.
  [{ enforce: 'restricted', warn: 'privileged' }, 'restricted:latest, privileged:latest, privileged:latest'],
  [{ 'enforce-version': 'v1.30' }, 'privileged:v1.30, privileged:latest, privileged:latest'],
])('%j is %s', (labels, text) => {
  expect(read(labels)).toEqual({ text, causes: [] })
})

it('says which labels are wrong, and refuses what violates anything where the wrong one says what is refused', () => {
  const labels = {
    enforce: 'strict',
    audit: 'Baseline',
    warn: '',
    'enforce-version': 'v2.0',
    'audit-version': '1.30',
    'warn-version': 'v1.01',
  }
  const { text, causes } = read(labels)
  expect(text).toBe('restricted:latest, privileged:latest, privileged:latest')
  const level = 'must be one of privileged, baseline, restricted'
  const version = 'must be "latest" or "v1.x"'
  expect(causes.map(({ field, message }) => `${field}: ${message}`)).toEqual([
    `metadata.labels[${prefix}enforce]: Invalid value: "strict": ${level}`,
    `metadata.labels[${prefix}enforce-version]: Invalid value: "v2.0": ${version}`,
    `metadata.labels[${prefix}audit]: Invalid value: "Baseline": ${level}`,
    `metadata.labels[${prefix}audit-version]: Invalid value: "1.30": ${version}`,
    `metadata.labels[${prefix}warn]: Invalid value: "": ${level}`,
    `metadata.labels[${prefix}warn-version]: Invalid value: "v1.01": ${version}`,
  ])
})

test.each<[string, number | undefined]>([
  ['latest', Infinity],
  ['v1.0', 0],
  ['v1.35', 35],
  ['v1.9223372036854775807', 2 ** 63],
  ['v1.9223372036854775808', undefined],
  ['v1.-1', undefined],
  ['v1.30\n', undefined],
  ['v1', undefined],
  ['', undefined],
])('version %j', (version, minor) => {
  const { causes } = read({ 'enforce-version': version })
  expect(causes.length).toBe(minor === undefined ? 1 : 0)
  if (minor !== undefined) expect(minorOf({ level: 'baseline', version })).toBe(minor)
})
