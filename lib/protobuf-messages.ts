import type { Root, Type } from 'protobufjs/light.js'
import { lazyPackage } from './lazy-package.ts'

const library = lazyPackage<typeof import('protobufjs/light.js')>('protobufjs/light.js')

/**
 * Messages of a protobuf interface as data. A field is `TYPE NUMBER`: a scalar, a message or an enumeration of the same table, `TYPE[]` for a
 * repeated one, `map` for map<string, string>. An enumeration is its numbers by name.
 */
export type MessageTable = Readonly<Record<string, Readonly<Record<string, string>>>>
export type EnumTable = Readonly<Record<string, Readonly<Record<string, number>>>>

/** One message's way to bytes and back. */
export interface MessageCodec {
  /** Throws where the object does not fit the message. */
  encode(message: object): Buffer
  /** Lists and maps are always there, other fields only where they were sent; 64-bit numbers are numbers, enumerations names where they are known. */
  decode(bytes: Uint8Array): object
}

/** Answers the codec of each message of a table. What is not asked for costs nothing. */
export function messageCodecs(messages: MessageTable, enums: EnumTable = {}): (name: string) => MessageCodec {
  let root: Root | undefined
  const known = new Map<string, MessageCodec>()
  return (name) => {
    root ??= buildRoot(messages, enums)
    const codec = known.get(name) ?? codecOf(root.lookupType(name))
    known.set(name, codec)
    return codec
  }
}

function codecOf(type: Type): MessageCodec {
  return {
    encode: (message) => Buffer.from(type.encode(type.fromObject(message)).finish()),
    decode: (bytes) => type.toObject(type.decode(bytes), { longs: Number, enums: String, arrays: true, objects: true }),
  }
}

function buildRoot(messages: MessageTable, enums: EnumTable): Root {
  const { Root } = library()
  const nested = Object.entries(messages).map(([name, fields]) => [
    name,
    { fields: Object.fromEntries(Object.entries(fields).map(([field, text]) => [field, fieldOf(text)])) },
  ])
  const values = Object.entries(enums).map(([name, numbers]) => [name, { values: { ...numbers } }])
  return Root.fromJSON({ nested: Object.fromEntries([...nested, ...values]) as Record<string, object> })
}

function fieldOf(text: string): object {
  const [, type = '', list, number] = /^(\w+)(\[\])? (\d+)$/.exec(text) ?? []
  if (number === undefined) throw new RangeError(`field ${JSON.stringify(text)} is not TYPE NUMBER`)
  if (type === 'map') return { keyType: 'string', type: 'string', id: Number(number) }
  return { type, id: Number(number), ...(list === undefined ? {} : { rule: 'repeated' }) }
}
