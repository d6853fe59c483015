import type { ParserSettings } from '../settings.ts'
import { compilePattern } from './pattern.ts'

export type Fields = Readonly<Record<string, string | number | boolean>>

/** Makes fields of a text; `undefined` where it is not in the parser's form. */
export type Parser = (text: string) => Fields | undefined

/** A hostile line has no more fields than these, nor longer names. */
const maxFields = 64
const maxNameLength = 128
const maxDepth = 4

export function createParser(settings: ParserSettings): Parser | undefined {
  switch (settings.type) {
    case 'json':
      return parseJson
    case 'logfmt':
      return parseLogfmt
    case 'klog':
      return parseKlog
    case 'access':
      return parseAccess
    case 'none':
      return undefined
    case 'regex': {
      const pattern = compilePattern(settings.pattern)
      return (text) => pattern.groups(text)
    }
  }
}

/** An object's members; those of objects within it by their path, `request.method`. Lists are kept as JSON. */
export function parseJson(text: string): Fields | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  const fields = emptyFields()
  flatten(value as Record<string, unknown>, '', { fields, depth: 0 })
  return fields
}

function flatten(value: Record<string, unknown>, prefix: string, into: { readonly fields: MutableFields; readonly depth: number }): void {
  for (const [key, member] of Object.entries(value)) {
    if (Object.keys(into.fields).length >= maxFields) return
    const name = `${prefix}${key}`
    if (name.length > maxNameLength) continue
    if (typeof member === 'string' || typeof member === 'number' || typeof member === 'boolean') into.fields[name] = member
    else if (typeof member !== 'object' || member === null) continue
    else if (Array.isArray(member) || into.depth >= maxDepth) setJson(into.fields, name, member)
    else flatten(member as Record<string, unknown>, `${name}.`, { fields: into.fields, depth: into.depth + 1 })
  }
}

/** What can be read may be nested too deeply to be written: that is left out, or a line could keep its file from being read on. */
function setJson(fields: MutableFields, name: string, member: object): void {
  try {
    fields[name] = JSON.stringify(member)
  } catch {
    // A stack that was too small.
  }
}

type MutableFields = Record<string, string | number | boolean>

/** Without a prototype: a field may be called `__proto__`. */
function emptyFields(): MutableFields {
  return Object.create(null) as MutableFields
}

/** `key=value`, `key="with \" quotes"`; a bare `key` is true. Numbers stay texts, as logfmt has no types. */
export function parseLogfmt(text: string): Fields | undefined {
  const fields = emptyFields()
  const pair = /([^\s="]+)(?:=("(?:[^"\\]|\\.)*"|[^\s"]*))?/g
  let pairs = 0
  for (let match = pair.exec(text); match !== null && pairs < maxFields; match = pair.exec(text)) {
    const [, name = '', value] = match
    if (name.length > maxNameLength) continue
    fields[name] = value === undefined ? true : value.startsWith('"') ? unquote(value) : value
    if (value !== undefined) pairs++
  }
  // A sentence is no logfmt.
  return pairs === 0 ? undefined : fields
}

function unquote(text: string): string {
  return text.slice(1, -1).replace(/\\(.)/gs, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped === 't' ? '\t' : escaped))
}

const klogLevels: Readonly<Record<string, string>> = { I: 'info', W: 'warn', E: 'error', F: 'fatal', D: 'debug' }

/** `I1121 09:13:23.123456    1234 file.go:12] "message" key="value"`. */
export function parseKlog(text: string): Fields | undefined {
  const match = /^([IWEFD])(\d{4} \d\d:\d\d:\d\d\.\d{1,9})\s{1,16}(\d{1,10}) ([^\s\]]{1,256}:\d{1,7})\] ?([\s\S]*)$/.exec(text)
  if (match === null) return undefined
  const [, letter = '', time = '', thread = '', source = '', rest = ''] = match
  const quoted = /^"((?:[^"\\]|\\.)*)"(?: |$)/.exec(rest)
  const fields = emptyFields()
  fields['level'] = klogLevels[letter]!
  fields['time'] = time
  fields['thread'] = Number(thread)
  fields['source'] = source
  fields['message'] = quoted === null ? rest : unquote(`"${quoted[1]!}"`)
  return quoted === null ? fields : Object.assign(fields, parseLogfmt(rest.slice(quoted[0].length)))
}

const accessLine =
  /^(\S{1,256}) (\S{1,256}) (\S{1,256}) \[([^\]]{1,64})\] "((?:[^"\\]|\\.){0,8192})" (\d{3}) (\d{1,19}|-)(?: "((?:[^"\\]|\\.){0,8192})" "((?:[^"\\]|\\.){0,8192})")?/

/** The common and the combined form of web servers' access logs. */
export function parseAccess(text: string): Fields | undefined {
  const match = accessLine.exec(text)
  if (match === null) return undefined
  const [, client = '', , user = '', time = '', request = '', status = '', bytes = '', referer, agent] = match
  const [, method, path, protocol] = /^(\S{1,32}) (\S{1,8192})(?: (HTTP\/[\d.]{1,5}))?$/.exec(request) ?? []
  const fields = emptyFields()
  fields['client'] = client
  if (user !== '-') fields['user'] = user
  fields['time'] = time
  if (method === undefined || path === undefined) fields['request'] = request
  else Object.assign(fields, { method, path }, protocol === undefined ? {} : { protocol })
  fields['status'] = Number(status)
  fields['bytes'] = bytes === '-' ? 0 : Number(bytes)
  if (referer !== undefined && referer !== '-') fields['referer'] = referer
  if (agent !== undefined && agent !== '-') fields['agent'] = agent
  return fields
}

/** The level that fields tell, under one of the usual names. */
export function levelField(fields: Fields): string | number | undefined {
  for (const name of ['level', 'severity', 'lvl', 'loglevel', 'log.level']) {
    const value = fields[name]
    if (typeof value === 'string' || typeof value === 'number') return value
  }
  return undefined
}
