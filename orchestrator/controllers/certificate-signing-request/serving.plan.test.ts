import { expect, it } from 'vitest'
import type { RequestedIdentity } from '../../../lib/certificate-request.ts'
import type { CoreV1Node } from '../../api/generated/kinds.ts'
import { whyNoServingCertificate } from './serving.plan.ts'

const nodeOf = (name: string, address: string): CoreV1Node => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name },
  spec: {},
  status: {
    addresses: [
      { type: 'InternalIP', address },
      { type: 'Hostname', address: name },
    ],
  },
})
const nodes = [nodeOf('n1', '192.0.2.1'), nodeOf('n2', '192.0.2.2'), nodeOf('kubernetes.default', '192.0.2.5'), nodeOf('api', '192.0.2.9')]
const identity = {
  commonName: 'system:node:n1',
  organizations: ['system:nodes'],
  dnsNames: ['n1'],
  ipAddresses: ['192.0.2.1'],
  emailAddresses: [],
  uris: [],
}
const asker = {
  username: 'system:node:n1',
  groups: ['system:nodes', 'system:authenticated'],
  usages: ['digital signature', 'server auth'],
  request: '',
  signerName: '',
}

it.each<[string, Partial<RequestedIdentity>, Partial<typeof asker>, string | undefined]>([
  ['its name and address', {}, {}, undefined],
  ['its name alone', { ipAddresses: [] }, {}, undefined],
  ["another node's address", { ipAddresses: ['192.0.2.2'] }, {}, '192.0.2.2 is not an address of the node alone'],
  ['an address that no Node tells', { ipAddresses: ['192.0.2.1', '198.51.100.1'] }, {}, '198.51.100.1 is not'],
  ['loopback', { ipAddresses: ['127.0.0.1'] }, {}, '127.0.0.1 is not'],
  ["another node's name", { dnsNames: ['n1', 'n2'] }, {}, "n2 is not the node's name"],
  ['the name of the API server', { dnsNames: ['kubernetes.default.svc'] }, {}, "kubernetes.default.svc is not the node's name"],
  ['everything', { dnsNames: ['*'] }, {}, "* is not the node's name"],
  ['another node', { commonName: 'system:node:n2', dnsNames: ['n2'], ipAddresses: ['192.0.2.2'] }, {}, 'only a node may ask'],
  ['a node, as somebody who is none', {}, { groups: ['system:authenticated'] }, 'only a node may ask'],
  ['a node that is not there', { commonName: 'system:node:n7', dnsNames: ['n7'] }, { username: 'system:node:n7' }, 'there is no Node n7'],
  ['a client as well', {}, { usages: ['digital signature', 'server auth', 'client auth'] }, 'usages did not match'],
  [
    'a name that is the API server’s, which the node has taken',
    { commonName: 'system:node:kubernetes.default', dnsNames: ['kubernetes.default'], ipAddresses: ['192.0.2.5'] },
    { username: 'system:node:kubernetes.default' },
    "kubernetes.default is not the node's name",
  ],
  [
    'the address of the API server, which the node has told as its own',
    { commonName: 'system:node:api', dnsNames: ['api'], ipAddresses: ['192.0.2.9'] },
    { username: 'system:node:api' },
    '192.0.2.9 is not an address of the node alone',
  ],
])('a certificate for %s', (_, wanted, who, refusal) => {
  const why = whyNoServingCertificate({ ...asker, ...who }, { ...identity, ...wanted }, { nodes, reserved: ['192.0.2.9'] })
  if (refusal === undefined) expect(why).toBeUndefined()
  else expect(why).toContain(refusal)
})
