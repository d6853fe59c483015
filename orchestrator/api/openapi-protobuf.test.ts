import { Reader } from 'protobufjs/minimal.js'
import { expect, it } from 'vitest'
import { encodeOpenApiV2 } from './openapi-protobuf.ts'
import { openApiV2 } from './openapi.ts'

type Fields = Record<number, (Uint8Array | number)[]>

/** The fields of a message by number, unread. */
function fieldsOf(bytes: Uint8Array): Fields {
  const reader = Reader.create(bytes)
  const fields: Fields = {}
  while (reader.pos < reader.len) {
    const tag = reader.uint32()
    const value = (tag & 7) === 2 ? reader.bytes() : reader.uint32()
    ;(fields[tag >>> 3] ??= []).push(value)
  }
  return fields
}
const text = (value: Uint8Array | number | undefined) => Buffer.from(value as Uint8Array).toString()
const inside = (value: Uint8Array | number | undefined) => fieldsOf(value as Uint8Array)
/** Entries of a map: a name and a message each. */
const entries = (values: readonly (Uint8Array | number)[]) =>
  new Map(values.map((value) => [text(inside(value)[1]![0]), inside(inside(value)[2]![0])]))

const document = openApiV2() as { paths: object; definitions: object }
const fields = fieldsOf(encodeOpenApiV2(document))

it('has every path and every definition', () => {
  expect(text(fields[1]![0])).toBe('2.0')
  expect([...entries(inside(fields[8]![0])[2]!).keys()]).toEqual(Object.keys(document.paths))
  expect([...entries(inside(fields[9]![0])[1]!).keys()]).toEqual(Object.keys(document.definitions))
})

it('says of a PATCH which kind it is for and that it takes fieldValidation: what kubectl looks for before it sends a List', () => {
  const path = entries(inside(fields[8]![0])[2]!).get('/api/v1/namespaces/{name}')!
  const patch = inside(path[8]![0])
  const extensions = entries(patch[13]!)
  expect(text(extensions.get('x-kubernetes-group-version-kind')![2]![0])).toBe('{"group":"","version":"v1","kind":"Namespace"}')
  const queries = patch[8]!.flatMap((item) => {
    const nonBody = inside(inside(item)[1]![0])[2]?.[0]
    const query = nonBody === undefined ? undefined : inside(nonBody)[3]?.[0]
    return query === undefined ? [] : [text(inside(query)[4]![0])]
  })
  expect(queries).toContain('fieldValidation')
})

it('keeps what definitions say: types, references, required members and merge keys', () => {
  const definitions = entries(inside(fields[9]![0])[1]!)
  const port = definitions.get('io.k8s.api.core.v1.ContainerPort')!
  expect(port[19]!.map(text)).toEqual(['containerPort'])
  const spec = entries(inside(definitions.get('io.k8s.api.core.v1.PodSpec')![25]![0])[1]!)
  const containers = spec.get('containers')!
  expect(text(inside(containers[22]![0])[1]![0])).toBe('array')
  expect(text(inside(inside(containers[23]![0])[1]![0])[1]![0])).toBe('#/definitions/io.k8s.api.core.v1.Container')
  expect(text(entries(containers[31]!).get('x-kubernetes-patch-merge-key')![2]![0])).toBe('"name"')
})
