import { describe, expect, it } from 'vitest'
import { openApiV2, openApiV3, openApiV3Index } from './openapi.ts'

interface Document {
  readonly paths: Record<string, Record<string, Record<string, unknown>>>
  readonly components: { readonly schemas: Record<string, Record<string, unknown>> }
  readonly definitions: Record<string, Record<string, unknown>>
}

const v3 = (path: string) => openApiV3(path) as Document
const references = (value: unknown): string[] =>
  [...JSON.stringify(value).matchAll(/"\$ref":"#\/(?:components\/schemas|definitions)\/([^"]+)"/g)].map((match) => match[1]!)

describe('OpenAPI', () => {
  it('lists a document for every group version, with a hash that stays', () => {
    const { paths } = openApiV3Index()
    expect(Object.keys(paths)).toEqual(expect.arrayContaining(['api/v1', 'apis/apps/v1', 'apis/extensions/v1beta1']))
    expect(paths['api/v1']!.serverRelativeURL).toMatch(/^\/openapi\/v3\/api\/v1\?hash=[0-9A-F]{64}$/)
    expect(openApiV3Index()).toEqual({ paths })
    for (const path of Object.keys(paths)) expect(openApiV3(path)).toBeDefined()
    expect(openApiV3('apis/nothing/v1')).toBeUndefined()
  })

  it.each(Object.keys(openApiV3Index().paths))('refers only to schemas that %s has', (path) => {
    const document = v3(path)
    expect(references(document).filter((name) => document.components.schemas[name] === undefined)).toEqual([])
  })

  it('tells clients that PATCH understands fieldValidation, by the kind', () => {
    const patch = v3('apis/apps/v1').paths['/apis/apps/v1/namespaces/{namespace}/deployments/{name}']!['patch']!
    expect(patch['x-kubernetes-group-version-kind']).toEqual({ group: 'apps', version: 'v1', kind: 'Deployment' })
    expect(patch['parameters']).toContainEqual({ name: 'fieldValidation', in: 'query', schema: { type: 'string', uniqueItems: true } })
  })

  it('carries the merge keys that clients patch by', () => {
    const spec = v3('api/v1').components.schemas['io.k8s.api.core.v1.PodSpec'] as { properties: Record<string, unknown> }
    expect(spec.properties['containers']).toEqual({
      type: 'array',
      items: { $ref: '#/components/schemas/io.k8s.api.core.v1.Container' },
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['name'],
      'x-kubernetes-patch-merge-key': 'name',
      'x-kubernetes-patch-strategy': 'merge',
    })
  })

  it('offers retired kinds under their own names', () => {
    const document = v3('apis/extensions/v1beta1')
    expect(Object.keys(document.paths)).toContain('/apis/extensions/v1beta1/namespaces/{namespace}/daemonsets/{name}')
    expect(document.components.schemas['io.k8s.api.apps.v1.Deployment']!['x-kubernetes-group-version-kind']).toEqual([
      { group: 'extensions', version: 'v1beta1', kind: 'Deployment' },
    ])
  })

  it('has everything in the v2 document', () => {
    const document = openApiV2() as Document
    expect(Object.keys(document.definitions).length).toBeGreaterThan(700)
    expect(references(document).filter((name) => document.definitions[name] === undefined)).toEqual([])
    expect(document.paths['/api/v1/namespaces/{namespace}/pods']!['post']!['parameters']).toContainEqual({
      in: 'body',
      name: 'body',
      schema: { $ref: '#/definitions/io.k8s.api.core.v1.Pod' },
      required: true,
    })
  })
})
