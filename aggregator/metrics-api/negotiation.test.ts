import { expect, test } from 'vitest'
import { statusOf } from '../../orchestrator/api/status-error.ts'
import { negotiate } from './negotiation.ts'

const everything = () => true

test.each([
  [undefined, 'application/json object'],
  ['', 'application/json object'],
  ['*/*', 'application/json object'],
  ['application/yaml', 'application/yaml object'],
  ['application/vnd.kubernetes.protobuf, */*', 'application/vnd.kubernetes.protobuf object'],
  ['application/json;q=0.1, application/yaml;q=0.9', 'application/yaml object'],
  ['text/html, application/json', 'application/json object'],
  [
    'application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json',
    'application/json Table',
  ],
  ['application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json', 'application/json object'],
  ['application/json; as=PartialObjectMetadataList ;v=v1;g=meta.k8s.io', 'application/json PartialObjectMetadata'],
  ['application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList', 'application/json APIGroupDiscoveryList'],
  ['application/json;q=0, application/yaml', 'application/yaml object'],
])('%s is answered as %s', (header, expected) => {
  const { mediaType, as } = negotiate(header, everything)
  expect(`${mediaType} ${as}`).toBe(expected)
})

test('a form that is not offered is passed over, and none at all is a 406 that names what there is', () => {
  const onlyJson = ({ mediaType }: { readonly mediaType: string }) => mediaType === 'application/json'
  expect(negotiate('application/vnd.kubernetes.protobuf, application/json', onlyJson).mediaType).toBe('application/json')
  for (const header of ['text/html', 'application/yaml', 'application/json;as=House', 'q', ';;;,,,']) {
    const refused = () => negotiate(header, onlyJson)
    expect(refused).toThrow('only the following media types are accepted: application/json')
    try {
      refused()
    } catch (error) {
      expect(statusOf(error)).toMatchObject({ code: 406, reason: 'NotAcceptable' })
    }
  }
})
