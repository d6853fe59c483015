import { X509Certificate } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { get } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createCertificateRequest, type RequestedIdentity } from '../../lib/certificate-request.ts'
import { eventually, startCluster, type TestCluster } from '../support/cluster.ts'

/** How people and nodes come to their rights, and how objects go, driven by kubectl 1.35 as in a real cluster. */
let cluster: TestCluster
let folder: string

beforeAll(async () => {
  cluster = await startCluster(['--runtime=simulated', '--influxdb=none'], 42)
  folder = mkdtempSync(join(tmpdir(), 'binnacle-identities-'))
})
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true })
  await cluster?.remove()
})

/** Fails the test with what kubectl said. */
async function kubectl(...args: readonly string[]): Promise<string> {
  const { stdout, stderr, code } = await cluster.kubectl(...args)
  expect(code, `kubectl ${args.join(' ')}: ${stderr}`).toBe(0)
  return stdout
}
const apply = async (...objects: readonly object[]) => {
  const { stderr, code } = await cluster.kubectlWith(JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }), 'apply', '-f', '-')
  expect(code, stderr).toBe(0)
}
const field = (path: string, ...what: readonly string[]) => kubectl('get', ...what, '-o', `jsonpath=${path}`)

function write(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

/** kubectl as somebody else than the administrator. */
async function connection(): Promise<string[]> {
  const ca = Buffer.from(
    await kubectl('config', 'view', '--raw', '-o', 'jsonpath={.clusters[0].cluster.certificate-authority-data}'),
    'base64',
  )
  const server = `https://127.0.0.1:${cluster.ports.api}`
  return ['--kubeconfig=/dev/null', `--server=${server}`, `--certificate-authority=${write('ca.crt', ca.toString())}`]
}

interface Asked {
  readonly object: object
  readonly key: string
}

async function requestFor(name: string, identity: Partial<RequestedIdentity>, signer: string, usages: string[]): Promise<Asked> {
  const { request, key } = await createCertificateRequest(identity)
  const spec = { request: Buffer.from(request).toString('base64'), signerName: `kubernetes.io/${signer}`, usages, expirationSeconds: 3600 }
  return {
    object: { apiVersion: 'certificates.k8s.io/v1', kind: 'CertificateSigningRequest', metadata: { name }, spec },
    key: write(`${name}.key`, key),
  }
}

/** The flags by which the certificate of a request is shown. */
async function certificateFlags(name: string, key: string): Promise<string[]> {
  const encoded = await eventually(`a certificate for ${name}`, async () => {
    const text = await field('{.status.certificate}', 'csr', name)
    return text === '' ? undefined : text
  })
  const path = write(`${name}.crt`, Buffer.from(encoded, 'base64').toString())
  return [`--client-certificate=${path}`, `--client-key=${key}`]
}

describe('roles', () => {
  it('that aggregate others show what they grant', async () => {
    expect(await field('{.rules[*].resources}', 'clusterrole', 'admin')).toContain('rolebindings')
    const role = { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name: 'trains' } }
    const labels = { 'rbac.authorization.k8s.io/aggregate-to-view': 'true' }
    const rules = [{ apiGroups: ['example.com'], resources: ['trains'], verbs: ['get'] }]
    await apply({ ...role, metadata: { ...role.metadata, labels }, rules })
    for (const name of ['view', 'edit', 'admin'])
      await eventually(`trains in ${name}`, async () =>
        (await field('{.rules[*].resources}', 'clusterrole', name)).includes('trains') ? true : undefined,
      )
  })
})

describe('a person', () => {
  it('asks for a certificate, an administrator approves, and it says who the person is', async () => {
    const jane = await requestFor('jane', { commonName: 'jane', organizations: ['dev', 'ops'] }, 'kube-apiserver-client', ['client auth'])
    await apply(jane.object)
    expect(await kubectl('get', 'csr', 'jane')).toContain('Pending')
    expect(await kubectl('certificate', 'approve', 'jane')).toContain('jane approved')
    const flags = await certificateFlags('jane', jane.key)
    expect(await kubectl('get', 'csr', 'jane')).toContain('Approved,Issued')
    expect(await kubectl(...(await connection()), ...flags, 'auth', 'whoami', '-o', 'jsonpath={.status.userInfo.groups}')).toBe(
      '["dev","ops","system:authenticated"]',
    )
  })

  it('who is denied gets none', async () => {
    const joe = await requestFor('joe', { commonName: 'joe' }, 'kube-apiserver-client', ['client auth'])
    await apply(joe.object)
    await kubectl('certificate', 'deny', 'joe')
    expect(await kubectl('get', 'csr', 'joe')).toContain('Denied')
    expect((await cluster.kubectl('certificate', 'approve', 'joe')).stderr).toContain('already Denied')
    expect(await field('{.status.certificate}', 'csr', 'joe')).toBe('')
  })
})

describe('a node', () => {
  const token = 'abcdef.0123456789abcdef'

  /** As somebody who has nothing yet, not even a reason to believe the server. */
  const readClusterInfo = () =>
    new Promise<Record<string, string>>((resolve, reject) => {
      const url = `https://127.0.0.1:${cluster.ports.api}/api/v1/namespaces/kube-public/configmaps/cluster-info`
      get(url, { rejectUnauthorized: false }, (response) => {
        json(response).then((body) => resolve((body as { data: Record<string, string> }).data), reject)
      }).on('error', reject)
    })

  it('joins with a bootstrap token: it knows the cluster by it, asks with it, and is somebody with the certificate', async () => {
    const [id, secret] = token.split('.') as [string, string]
    await apply({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: `bootstrap-token-${id}`, namespace: 'kube-system' },
      type: 'bootstrap.kubernetes.io/token',
      stringData: { 'token-id': id, 'token-secret': secret, 'usage-bootstrap-authentication': 'true', 'usage-bootstrap-signing': 'true' },
    })
    const anybody = await connection()
    const signature = await eventually('a signed cluster-info', async () => (await readClusterInfo())[`jws-kubeconfig-${id}`])
    expect(signature).toMatch(/^[\w-]+\.\.[\w-]+$/)

    const identity = { commonName: 'system:node:joined', organizations: ['system:nodes'] }
    const node = await requestFor('joined', identity, 'kube-apiserver-client-kubelet', ['digital signature', 'client auth'])
    const asNode = [...anybody, `--token=${token}`]
    const { code, stderr } = await cluster.kubectlWith(JSON.stringify(node.object), ...asNode, 'create', '-f', '-')
    expect(code, stderr).toBe(0)
    expect((await cluster.kubectl(...asNode, 'get', 'pods')).stderr).toContain('User "system:bootstrap:abcdef" cannot list resource "pods"')
    const flags = await certificateFlags('joined', node.key)
    expect(await kubectl(...anybody, ...flags, 'auth', 'whoami', '-o', 'jsonpath={.status.userInfo.username}')).toBe('system:node:joined')
    const certificate = new X509Certificate(Buffer.from(await field('{.status.certificate}', 'csr', 'joined'), 'base64'))
    expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2'])
  })

  it('is refused once its token is gone', async () => {
    await kubectl('-n', 'kube-system', 'delete', 'secret', 'bootstrap-token-abcdef')
    const { stderr } = await cluster.kubectl(...(await connection()), `--token=${token}`, 'get', 'csr')
    expect(stderr).toContain('Unauthorized')
  })
})

describe('objects go', () => {
  const remaining = async () => (await kubectl('get', 'deployments,replicasets,pods', '-o', 'name')).split('\n').filter(Boolean)
  const kinds = async () => new Set((await remaining()).map((name) => name.split('/')[0]))

  it('with their owner, after it, before it or not at all, as kubectl says', async () => {
    for (const cascade of ['foreground', 'background']) {
      await kubectl('create', 'deployment', 'web', '--image=web:1', '--replicas=2')
      await kubectl('rollout', 'status', 'deployment/web', '--timeout=30s')
      await kubectl('delete', 'deployment', 'web', `--cascade=${cascade}`)
      if (cascade === 'foreground') expect(await remaining()).toEqual([])
      await eventually('all to go', async () => ((await remaining()).length === 0 ? true : undefined))
    }
    await kubectl('create', 'deployment', 'web', '--image=web:1', '--replicas=2')
    await kubectl('rollout', 'status', 'deployment/web', '--timeout=30s')
    await kubectl('delete', 'deployment', 'web', '--cascade=orphan')
    expect(await kinds()).toEqual(new Set(['replicaset.apps', 'pod']))
    await kubectl('delete', 'replicasets', '--all', '--cascade=orphan')
    expect(await kinds()).toEqual(new Set(['pod']))
    await kubectl('delete', 'pods', '--all')
  })

  it('with their namespace, which says what it waits for', async () => {
    await kubectl('create', 'namespace', 'team')
    await apply({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'held', namespace: 'team', finalizers: ['example.com/hold'] } })
    await kubectl('delete', 'namespace', 'team', '--wait=false')
    await kubectl('wait', 'namespace/team', '--for=condition=NamespaceFinalizersRemaining', '--timeout=20s')
    expect(await field('{.status.conditions[?(@.type=="NamespaceContentRemaining")].message}', 'namespace', 'team')).toBe(
      'Some resources are remaining: configmaps. has 1 resource instances',
    )
    await kubectl('-n', 'team', 'patch', 'configmap', 'held', '--type=merge', '-p', '{"metadata":{"finalizers":null}}')
    await kubectl('wait', 'namespace/team', '--for=delete', '--timeout=20s')
  })
})

describe('Endpoints kept by hand', () => {
  it('are mirrored for a Service without a selector, and the mirror goes with them', async () => {
    const ports = [{ name: 'pg', port: 5432 }]
    await apply(
      { apiVersion: 'v1', kind: 'Service', metadata: { name: 'db' }, spec: { ports } },
      { apiVersion: 'v1', kind: 'Endpoints', metadata: { name: 'db' }, subsets: [{ addresses: [{ ip: '192.0.2.10' }], ports }] },
    )
    const slices = () => field('{.items[*].endpoints[*].addresses[*]}', 'endpointslices', '-l', 'kubernetes.io/service-name=db')
    await eventually('a slice', async () => ((await slices()) === '' ? undefined : true))
    expect(await slices()).toBe('192.0.2.10')
    await kubectl('delete', 'endpoints', 'db')
    await eventually('no slice', async () => ((await slices()) === '' ? true : undefined))
  })
})
