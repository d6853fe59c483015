import type { Writer } from 'protobufjs/minimal.js'
import { lazyPackage } from '../../lib/lazy-package.ts'

const protobuf = lazyPackage<typeof import('protobufjs/minimal.js')>('protobufjs/minimal.js')

/** The content type of the OpenAPI v2 document in protobuf. */
export const openApiProtobufType = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf'
/** The name by which clients ask for it: it has a sign that no content type may have, so it cannot be answered with. */
export const openApiProtobufAlias = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf'

type Fields = Readonly<Record<string, unknown>>
type WriteValue = (writer: Writer, value: never) => void

/** How a member of the document is written: its number in the message, and as what. */
interface Member {
  readonly number: number
  readonly as: 'string' | 'bool' | 'any' | WriteValue
  readonly isRepeated?: true
}

const lengthDelimited = 2
const tagOf = (number: number, wireType: number) => number * 8 + wireType

/**
 * An OpenAPI v2 document in the protobuf form of gnostic's `openapi.v2`, which kubectl reads before it sends a List. Members that no Kubernetes
 * client looks at (contacts, examples, security) are not written.
 */
export function encodeOpenApiV2(document: object): Buffer {
  const { Writer } = protobuf()
  const writer = new Writer()
  writeMembers(writer, document as Fields, documentMembers, vendorExtension.document)
  return Buffer.from(writer.finish())
}

/** Writes the members that the table knows, and those that begin with `x-` as extensions, if there is a number for them. */
function writeMembers(writer: Writer, object: Fields, members: Readonly<Record<string, Member>>, extensionNumber?: number): void {
  for (const [name, value] of Object.entries(object)) {
    if (value === undefined) continue
    const member = Object.hasOwn(members, name) ? members[name] : undefined
    if (member !== undefined) {
      for (const item of member.isRepeated === true ? (value as readonly unknown[]) : [value]) writeMember(writer, member, item)
    } else if (extensionNumber !== undefined && name.startsWith('x-')) {
      writeNamed(writer, extensionNumber, name, (inner) => writeAny(inner, value))
    }
  }
}

function writeMember(writer: Writer, { number, as }: Member, value: unknown): void {
  if (as === 'bool') {
    writer.uint32(tagOf(number, 0)).bool(value === true)
    return
  }
  if (as === 'string') {
    writer.uint32(tagOf(number, lengthDelimited)).string(String(value))
    return
  }
  const write = as === 'any' ? writeAny : as
  writer.uint32(tagOf(number, lengthDelimited)).fork()
  write(writer, value as never)
  writer.ldelim()
}

/** `Any`: the value as YAML, of which JSON is a part. */
function writeAny(writer: Writer, value: unknown): void {
  writer.uint32(tagOf(2, lengthDelimited)).string(JSON.stringify(value))
}

/** An entry of a map: a message of a name and a value. */
function writeNamed(writer: Writer, number: number, name: string, writeInner: (writer: Writer) => void): void {
  writer.uint32(tagOf(number, lengthDelimited)).fork()
  writer.uint32(tagOf(1, lengthDelimited)).string(name)
  writer.uint32(tagOf(2, lengthDelimited)).fork()
  writeInner(writer)
  writer.ldelim().ldelim()
}

/** A map of named messages, as repeated entries under one number. */
const mapOf =
  (number: number, write: (writer: Writer, value: Fields) => void): WriteValue =>
  (writer: Writer, map: Fields) => {
    for (const [name, value] of Object.entries(map)) writeNamed(writer, number, name, (inner) => write(inner, value as Fields))
  }

/** One of several messages: the chosen one under its number. */
function writeChoice(writer: Writer, number: number, write: () => void): void {
  writer.uint32(tagOf(number, lengthDelimited)).fork()
  write()
  writer.ldelim()
}

const vendorExtension = { document: 16, operation: 13, pathItem: 10, schema: 31 } as const
const text = (number: number): Member => ({ number, as: 'string' })
const texts = (number: number): Member => ({ number, as: 'string', isRepeated: true })
const flag = (number: number): Member => ({ number, as: 'bool' })

const schemaMembers: Readonly<Record<string, Member>> = {
  $ref: text(1),
  format: text(2),
  description: text(4),
  default: { number: 5, as: 'any' },
  uniqueItems: flag(16),
  required: texts(19),
  enum: { number: 20, as: 'any', isRepeated: true },
  additionalProperties: { number: 21, as: writeAdditionalProperties },
  type: { number: 22, as: (writer: Writer, type: string) => void writer.uint32(tagOf(1, lengthDelimited)).string(type) },
  items: { number: 23, as: (writer: Writer, items: Fields) => writeChoice(writer, 1, () => writeSchema(writer, items)) },
  allOf: { number: 24, as: writeSchema, isRepeated: true },
  properties: { number: 25, as: mapOf(1, writeSchema) },
}

function writeSchema(writer: Writer, schema: Fields): void {
  writeMembers(writer, schema, schemaMembers, vendorExtension.schema)
}

function writeAdditionalProperties(writer: Writer, value: Fields | boolean): void {
  if (typeof value === 'boolean') writer.uint32(tagOf(2, 0)).bool(value)
  else writeChoice(writer, 1, () => writeSchema(writer, value))
}

const bodyParameterMembers: Readonly<Record<string, Member>> = {
  description: text(1),
  name: text(2),
  in: text(3),
  required: flag(4),
  schema: { number: 5, as: writeSchema },
}
/** Numbers that parameters of the query and of the path share are the same but for these. */
const queryParameterMembers: Readonly<Record<string, Member>> = {
  required: flag(1),
  in: text(2),
  description: text(3),
  name: text(4),
  type: text(6),
  uniqueItems: flag(20),
}
const pathParameterMembers: Readonly<Record<string, Member>> = { ...queryParameterMembers, type: text(5), uniqueItems: flag(19) }
const nonBody = { query: { number: 3, members: queryParameterMembers }, path: { number: 4, members: pathParameterMembers } } as const

/** ParametersItem → Parameter → body, or one of the others by where it is. */
function writeParameter(writer: Writer, parameter: Fields): void {
  writeChoice(writer, 1, () => {
    if (parameter['in'] === 'body') return writeChoice(writer, 1, () => writeMembers(writer, parameter, bodyParameterMembers))
    const place = nonBody[parameter['in'] === 'path' ? 'path' : 'query']
    return writeChoice(writer, 2, () => writeChoice(writer, place.number, () => writeMembers(writer, parameter, place.members)))
  })
}

const responseMembers: Readonly<Record<string, Member>> = {
  description: text(1),
  schema: { number: 2, as: (writer: Writer, schema: Fields) => writeChoice(writer, 1, () => writeSchema(writer, schema)) },
}

const operationMembers: Readonly<Record<string, Member>> = {
  tags: texts(1),
  description: text(3),
  operationId: text(5),
  produces: texts(6),
  consumes: texts(7),
  parameters: { number: 8, as: writeParameter, isRepeated: true },
  responses: {
    number: 9,
    as: mapOf(1, (writer, response) => writeChoice(writer, 1, () => writeMembers(writer, response, responseMembers))),
  },
  schemes: texts(10),
}
const operationOf = (number: number): Member => ({
  number,
  as: (writer: Writer, operation: Fields) => writeMembers(writer, operation, operationMembers, vendorExtension.operation),
})

const pathItemMembers: Readonly<Record<string, Member>> = {
  get: operationOf(2),
  put: operationOf(3),
  post: operationOf(4),
  delete: operationOf(5),
  options: operationOf(6),
  head: operationOf(7),
  patch: operationOf(8),
  parameters: { number: 9, as: writeParameter, isRepeated: true },
}

const documentMembers: Readonly<Record<string, Member>> = {
  swagger: text(1),
  info: { number: 2, as: (writer: Writer, info: Fields) => writeMembers(writer, info, { title: text(1), version: text(2) }) },
  paths: { number: 8, as: mapOf(2, (writer, item) => writeMembers(writer, item, pathItemMembers, vendorExtension.pathItem)) },
  definitions: { number: 9, as: mapOf(1, writeSchema) },
}
