import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checkSchema, decodeJson, decodeYaml, decodingError, pruneUnknown, strictDecodingError, strictWarnings } from './schema.ts'

const podDefinition = 'io.k8s.api.core.v1.Pod'
const kind = { version: 'v1', kind: 'Pod' }
const pod = (container: object, extra: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'a' },
  spec: { containers: [container] },
  ...extra,
})
const errorsOf = (container: object) => checkSchema(podDefinition, pod({ name: 'a', ...container })).typeErrors

describe('the schema check', () => {
  it('names unknown fields by path', () => {
    const body = pod({ name: 'a', imagee: 'x', ports: [{}, { nodePort: 1 }] }, { foo: 1 })
    expect(checkSchema(podDefinition, body)).toEqual({
      unknownFields: ['spec.containers[0].imagee', 'spec.containers[0].ports[1].nodePort', 'foo'],
      typeErrors: [],
    })
  })

  it.each([
    [{ image: 3 }, 'json: cannot unmarshal number into Go struct field Container.spec.containers.image of type string'],
    [
      { ports: [{ containerPort: '80' }] },
      'json: cannot unmarshal string into Go struct field ContainerPort.spec.containers.ports.containerPort of type int32',
    ],
    [
      { ports: [{ containerPort: 1.5 }] },
      'json: cannot unmarshal number 1.5 into Go struct field ContainerPort.spec.containers.ports.containerPort of type int32',
    ],
    [
      { env: [{ name: 'A', value: true }] },
      'json: cannot unmarshal bool into Go struct field EnvVar.spec.containers.env.value of type string',
    ],
    [{ args: 'x' }, 'json: cannot unmarshal string into Go struct field Container.spec.containers.args of type []string'],
    [
      { resources: [] },
      'json: cannot unmarshal array into Go struct field Container.spec.containers.resources of type v1.ResourceRequirements',
    ],
    [
      { resources: { limits: { cpu: 'much' } } },
      "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    ],
    [{ tty: 'yes' }, 'json: cannot unmarshal string into Go struct field Container.spec.containers.tty of type bool'],
  ])('words the type error of %j as upstream does', (container, message) => {
    expect(errorsOf(container)).toEqual([message])
  })

  it('takes null for an absent field, a number for a port or a quantity, and any integer where it fits', () => {
    expect(
      errorsOf({
        image: null,
        resources: { limits: { cpu: 1 } },
        livenessProbe: { httpGet: { port: 'web' } },
        ports: [{ containerPort: 80 }],
      }),
    ).toEqual([])
  })

  it('refuses malformed times and base64', () => {
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { creationTimestamp: 'yesterday' }, data: { a: 'b*' } }
    expect(checkSchema('io.k8s.api.core.v1.Secret', secret).typeErrors).toEqual([
      'parsing time "yesterday" as "2006-01-02T15:04:05Z07:00": cannot parse "yesterday" as "2006"',
      'illegal base64 data at input byte 1',
    ])
  })

  it('refuses a body that is no object', () => {
    expect(checkSchema(podDefinition, [1]).typeErrors).toEqual(['json: cannot unmarshal array into Go value of type Pod'])
    expect(checkSchema(podDefinition, null).typeErrors).toHaveLength(1)
  })

  it('words errors and warnings as upstream does', () => {
    expect(decodingError(kind, ['json: x']).message).toBe('Pod in version "v1" cannot be handled as a Pod: json: x')
    const warnings = strictWarnings(['spec.foo'], ['spec.bar'])
    expect(warnings).toEqual(['duplicate field "spec.bar"', 'unknown field "spec.foo"'])
    expect(strictDecodingError(kind, warnings).message).toBe(
      'Pod in version "v1" cannot be handled as a Pod: strict decoding error: duplicate field "spec.bar", unknown field "spec.foo"',
    )
  })

  it('never throws, whatever the body', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom('metadata', 'spec', 'status'), (value, field) => {
        expect(() => checkSchema(podDefinition, { [field]: value })).not.toThrow()
        expect(() => pruneUnknown(podDefinition, { [field]: value })).not.toThrow()
      }),
    )
  })
})

describe('pruning', () => {
  it('drops unknown fields and nulls, and writes quantities and times canonically', () => {
    const body = pod(
      { name: 'a', imagee: 'x', image: null, resources: { limits: { cpu: 0.5, memory: '1024Mi' } } },
      { metadata: { creationTimestamp: '2025-01-01T01:00:00+01:00' } },
    )
    expect(pruneUnknown(podDefinition, body)).toEqual(
      pod(
        { name: 'a', resources: { limits: { cpu: '500m', memory: '1Gi' } } },
        { metadata: { creationTimestamp: '2025-01-01T00:00:00Z' } },
      ),
    )
  })

  it('shares what it does not change, and leaves its argument alone', () => {
    const body = Object.freeze(pod({ name: 'a' }))
    expect(pruneUnknown(podDefinition, body)).toBe(body)
    const dirty = Object.freeze({ ...body, foo: 1 })
    expect(pruneUnknown(podDefinition, dirty)).toEqual(body)
    expect(dirty.foo).toBe(1)
  })

  it('keeps odd keys of maps as plain data', () => {
    const body = JSON.parse('{"data":{"__proto__":"a","constructor":"b"},"__proto__":{"x":1}}') as object
    const pruned = pruneUnknown('io.k8s.api.core.v1.ConfigMap', body) as { data: object }
    expect(Object.keys(pruned.data)).toEqual(['__proto__', 'constructor'])
    expect(Object.keys(pruned)).toEqual(['data'])
    expect(Object.getPrototypeOf(pruned)).toBe(Object.prototype)
  })
})

describe('decoding', () => {
  it('reports duplicate fields of JSON by path, escapes and strings notwithstanding', () => {
    const text = '{"a":{"b":1,"b":[{"c":1,"c\\u0022":2,"c":"x\\"}"},{"c":1}]},"text":"{\\"a\\":1,\\"a\\":2}"}'
    expect(decodeJson(text).duplicates).toEqual(['a.b', 'a.b[0].c'])
  })

  it('finds no duplicates in what JSON.stringify writes', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = JSON.stringify(value)
        expect(decodeJson(text)).toEqual({ value: JSON.parse(text) as unknown, duplicates: [] })
      }),
    )
  })

  it('reads YAML as Kubernetes does: 1.1 booleans and octals, no dates', () => {
    expect(decodeYaml('a: yes\nb: 0644\nc: 2001-01-01\nd: "no"\ne: 1:30\n').value).toEqual({
      a: true,
      b: 420,
      c: '2001-01-01',
      d: 'no',
      e: '1:30',
    })
    expect(decodeYaml('a: 1\nb: {c: 1, c: 2}\na: 3').duplicates).toEqual(['b.c', 'a'])
    expect(decodeYaml('{"a":[1]}').value).toEqual({ a: [1] })
  })

  it('refuses malformed text, bombs and bottomless nesting with a BadRequest', () => {
    expect(() => decodeJson('{')).toThrow('the object provided is unrecognized')
    expect(() => decodeYaml('a: [')).toThrow('error converting YAML to JSON')
    expect(() => decodeYaml('')).toThrow('the document is empty')
    const bomb = `a: &a [x,x,x,x,x,x,x,x,x]\n${Array.from('bcdefghij', (name, at) => `${name}: &${name} [${Array.from({ length: 9 }, () => `*${'abcdefghi'[at]}`).join(',')}]`).join('\n')}`
    expect(() => decodeYaml(bomb)).toThrow('error converting YAML to JSON')
    expect(() => decodeYaml('['.repeat(200_000))).toThrow('error converting YAML to JSON')
    expect(() => decodeJson(`${'['.repeat(2000)}${']'.repeat(2000)}`)).toThrow('exceeded max depth')
  })
})
