import type { NameRule } from './kind-declaration.ts'

const labelMessage =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
const label1035Message =
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"
const subdomainMessage =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
const qualifiedNameMessage =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
const labelValueMessage =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"

const labelPattern = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$/
const label1035Pattern = /^[a-z](?:[-a-z0-9]*[a-z0-9])?$/
const subdomainPattern = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/
const qualifiedPattern = /^[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?$/

const wildcardMessage =
  "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character (e.g. '*.example.com', regex used for validation is '\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
const underscoredMessage =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\\._?[a-z0-9]([-_a-z0-9]*[a-z0-9])?)*')"
const underscoredPattern = /^_?[a-z0-9](?:[-_a-z0-9]*[a-z0-9])?(?:\._?[a-z0-9](?:[-_a-z0-9]*[a-z0-9])?)*$/

/** Upstream counts the bytes of keys and values of labels, and the characters of other names. */
const tooManyBytes = (max: number) => `must be no more than ${max} bytes`
const tooManyCharacters = (max: number) => `must be no more than ${max} characters`

/** What is wrong with an RFC 1123 label (at most 63 characters). Nothing: an empty list; the same for all functions here. */
export function checkLabel(name: string): readonly string[] {
  const errors = check(name, { max: 63, pattern: labelPattern, message: labelMessage })
  // What only has dots too many is told so in fewer words.
  return errors.at(-1) === labelMessage && subdomainPattern.test(name) ? [...errors.slice(0, -1), 'must not contain dots'] : errors
}

/** What is wrong with a DNS-1035 label, as Services are named. */
export function checkLabel1035(name: string): readonly string[] {
  return check(name, { max: 63, pattern: label1035Pattern, message: label1035Message })
}

/** What is wrong with an RFC 1123 subdomain (at most 253 characters). */
export function checkSubdomain(name: string): readonly string[] {
  return check(name, { max: 253, pattern: subdomainPattern, message: subdomainMessage })
}

/** What is wrong with a subdomain whose parts may have underscores, as in search lists. */
export function checkUnderscoredSubdomain(name: string): readonly string[] {
  return check(name, { max: 253, pattern: underscoredPattern, message: underscoredMessage })
}

/** What is wrong with a host that may be `*.` and a subdomain. */
export function checkHost(name: string): readonly string[] {
  if (!name.includes('*')) return checkSubdomain(name)
  const isFine = name.startsWith('*.') && subdomainPattern.test(name.slice(2))
  return [...(name.length > 253 ? [tooManyCharacters(253)] : []), ...(isFine ? [] : [wildcardMessage])]
}

/** What is wrong with a signer's or driver's name, whose case does not matter. */
export function checkCaselessSubdomain(name: string): readonly string[] {
  return checkSubdomain(name.toLowerCase())
}

/** What is wrong with the name of an HTTP header. */
export function checkHeaderName(name: string): readonly string[] {
  return /^[-A-Za-z0-9]+$/.test(name)
    ? []
    : [
        "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')",
      ]
}

interface Form {
  readonly max: number
  readonly pattern: RegExp
  readonly message: string
  readonly tooLong?: (max: number) => string
}

function check(name: string, { max, pattern, message, tooLong = tooManyCharacters }: Form): string[] {
  const errors: string[] = []
  if (name.length > max) errors.push(tooLong(max))
  if (!pattern.test(name)) errors.push(message)
  return errors
}

/** What is wrong with a name that only has to fit into a URL, as RBAC objects are named. */
export function checkPathSegment(name: string): readonly string[] {
  if (name === '.' || name === '..') return [`may not be '${name}'`]
  return ['/', '%'].filter((character) => name.includes(character)).map((character) => `may not contain '${character}'`)
}

/** What is wrong with an optionally prefixed name: the key of a label or annotation. */
export function checkQualifiedName(name: string): readonly string[] {
  if (name.length <= 63 && qualifiedPattern.test(name)) return []
  const parts = name.split('/')
  if (parts.length > 2)
    return [
      `a valid label key ${qualifiedNameMessage.replace('name part must', 'must')} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ]
  const errors: string[] = []
  const local = parts.at(-1)!
  if (parts.length === 2) {
    if (parts[0] === '') errors.push('prefix part must be non-empty')
    else
      errors.push(
        ...check(parts[0]!, { max: 253, pattern: subdomainPattern, message: subdomainMessage, tooLong: tooManyBytes }).map(
          (message) => `prefix part ${message}`,
        ),
      )
  }
  if (local === '') errors.push('name part must be non-empty')
  else if (local.length > 63) errors.push(`name part ${tooManyBytes(63)}`)
  if (!qualifiedPattern.test(local)) errors.push(qualifiedNameMessage)
  return errors
}

/** What is wrong with a label's value. */
export function checkLabelValue(value: string): readonly string[] {
  if (value === '') return []
  return check(value, { max: 63, pattern: qualifiedPattern, message: labelValueMessage, tooLong: tooManyBytes })
}

/** What is wrong with the name of a port: at most 15 characters, lower case letters, digits and single dashes, at least one letter. */
export function checkPortName(name: string): readonly string[] {
  const errors: string[] = []
  if (name.length > 15) errors.push(tooManyCharacters(15))
  if (!/^[-a-z0-9]+$/.test(name)) errors.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)')
  if (!/[a-z]/.test(name)) errors.push('must contain at least one letter (a-z)')
  if (name.includes('--')) errors.push('must not contain consecutive hyphens')
  if (name.startsWith('-') || name.endsWith('-')) errors.push('must not begin or end with a hyphen')
  return errors
}

/** What is wrong with an environment variable's name. */
export function checkEnvName(name: string): readonly string[] {
  if (name === '') return ['environment variable name must be non-empty']
  return /^[ -<>-~]+$/.test(name)
    ? []
    : ["a valid environment variable name must consist only of printable ASCII characters other than '='"]
}

/** What is wrong with the key of a ConfigMap or Secret. */
export function checkConfigKey(key: string): readonly string[] {
  const errors: string[] = []
  if (key.length > 253) errors.push(tooManyCharacters(253))
  if (!/^[-._a-zA-Z0-9]+$/.test(key))
    errors.push(
      "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
    )
  if (key === '.' || key === '..' || key.startsWith('..'))
    errors.push(key === '.' ? "must not be '.'" : key === '..' ? "must not be '..'" : "must not start with '..'")
  return errors
}

const checks: Readonly<Record<NameRule, (name: string) => readonly string[]>> = {
  subdomain: checkSubdomain,
  label: checkLabel,
  label1035: checkLabel1035,
  path: checkPathSegment,
}

/** What is wrong with an object's name under its kind's rule. */
export function checkName(rule: NameRule, name: string): readonly string[] {
  return checks[rule](name)
}

/** What is wrong with a `generateName`: as `checkName`, but it may end in a dash since characters follow; what is before the dash is not looked at. */
export function checkGenerateName(rule: NameRule, prefix: string): readonly string[] {
  if (rule === 'path') return prefix === '.' || prefix === '..' ? [] : checkPathSegment(prefix)
  return checks[rule](prefix.length > 1 && prefix.endsWith('-') ? `${prefix.slice(0, -2)}a` : prefix)
}
