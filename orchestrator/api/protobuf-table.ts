import { readFileSync } from 'node:fs'

/** How a field's bytes are read. */
export type FieldKind = 'string' | 'bytes' | 'bool' | 'int32' | 'int64' | 'double' | 'message' | 'map'

/** The API server's own messages, and those of the metrics APIs that others serve behind it. */
const tables = ['kubernetes-1.35-protobuf.tsv', 'metrics-protobuf.tsv']

/** One field of a message, from the tables. */
export interface MessageField {
  readonly name: string
  readonly number: number
  readonly kind: FieldKind
  readonly isRepeated: boolean
  /** The message's fields belong to the parent object. */
  readonly isInline: boolean
  /** Go's JSON leaves out a zero here. */
  readonly dropsZero: boolean
  /** Full name, for `message`. */
  readonly message: string
  /** The value's field (number 2 of the entry message), for `map`. */
  readonly mapValue: MessageField | undefined
}

/** A message's fields by number. */
export type Message = ReadonlyMap<number, MessageField>

// The table's rows by full message name, split on first use; compiled message by message.
let rows: Map<string, string[]> | undefined
const messages = new Map<string, Message>()

function tableRows(): Map<string, string[]> {
  if (rows !== undefined) return rows
  rows = new Map()
  const lines = tables.flatMap((name) =>
    readFileSync(new URL(`data/${name}`, import.meta.url), 'latin1')
      .trimEnd()
      .split('\n')
      .slice(1),
  )
  for (const line of lines) {
    const [packageName, message] = line.split('\t', 2)
    const key = `${packageName}.${message}`
    const known = rows.get(key)
    if (known === undefined) rows.set(key, [line])
    else known.push(line)
  }
  return rows
}

/** Whether the table has a message of this full name (`k8s.io.api.core.v1.Pod`). A message without fields is in no row. */
export function hasMessage(name: string): boolean {
  return tableRows().has(name)
}

/** Every message's full name. */
export function messageNames(): Iterable<string> {
  return tableRows().keys()
}

/** A message's fields; empty for one that the table doesn't have (it has no fields, then). */
export function messageOf(name: string): Message {
  const known = messages.get(name)
  if (known !== undefined) return known
  const message = new Map((tableRows().get(name) ?? []).map((line) => parseField(line)).map((field) => [field.number, field]))
  messages.set(name, message)
  return message
}

function parseField(line: string): MessageField {
  const [packageName, , number, name, label, type, json, inline, pointer, omitempty] = line.split('\t')
  return {
    ...typed(type!, packageName!),
    name: json === undefined || json === '' ? name! : json,
    number: Number(number),
    isRepeated: label === 'repeated',
    isInline: inline === 'inline',
    dropsZero: omitempty === 'omitempty' && pointer !== 'pointer',
  }
}

const scalars = new Set<string>(['string', 'bytes', 'bool', 'int32', 'int64', 'double'])

function typed(type: string, packageName: string): Pick<MessageField, 'kind' | 'message' | 'mapValue'> {
  if (scalars.has(type)) return { kind: type as FieldKind, message: '', mapValue: undefined }
  const map = /^map<string,(.+)>$/.exec(type)
  if (map === null) return { kind: 'message', message: type.includes('.') ? type : `${packageName}.${type}`, mapValue: undefined }
  const value = { ...typed(map[1]!, packageName), name: 'value', number: 2, isRepeated: false, isInline: false, dropsZero: false }
  return { kind: 'map', message: '', mapValue: value }
}
