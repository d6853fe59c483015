import { mkdtempSync, rmSync } from 'node:fs'
import { Agent, request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { LogDoor } from '../../aggregator/logs/log-routes.ts'
import { LogSearch } from '../../aggregator/logs/log-search.ts'
import { noAuthorities } from '../../aggregator/metrics-api/authorities.ts'
import { createMetricsApi, type MetricsApi } from '../../aggregator/metrics-api/server.ts'
import type { LogOrigin } from '../../collector/logs/log-batch.ts'
import { batchOf, originOf } from '../../collector/logs/store/fixture.ts'
import { createLogStore, type LogStore } from '../../collector/logs/store/store.ts'
import { systemClock } from '../../lib/clock.ts'
import { silentLog } from '../../lib/log.ts'
import type { KeyPair } from '../../lib/pki.ts'
import {
  CoreV1Namespace,
  RbacV1ClusterRole,
  RbacV1ClusterRoleBinding,
  type RbacV1PolicyRule,
  RbacV1Role,
  RbacV1RoleBinding,
} from '../../orchestrator/api/generated/kinds.ts'
import {
  createTestCredentials,
  startTestServer,
  type TestCredentials,
  type TestServer,
} from '../../orchestrator/apiserver/testing/test-server.ts'
import type { Client } from '../../orchestrator/client/client.ts'
import { createClient } from '../../orchestrator/client/rest-client.ts'

/** A search of a store that has lines of everything, its door with certificates, and an API server whose RBAC decides. */
let credentials: TestCredentials
let server: TestServer
let client: Client
let store: LogStore
let api: MetricsApi
let address: string
const folder = mkdtempSync(join(tmpdir(), 'binnacle-log-access-'))
const certificates = new Map<string, KeyPair>()
const never = new AbortController().signal

beforeAll(async () => {
  credentials = await createTestCredentials()
  server = await startTestServer(credentials)
  client = createClient(server.server.transport)
  store = createLogStore({ folder, maxBytes: 64 << 20, clock: systemClock, log: silentLog })
  await store.sink.start()
  await fill()
  for (const name of ['a', 'b']) await client.create(CoreV1Namespace, { apiVersion: 'v1', kind: 'Namespace', metadata: { name }, spec: {} })
  await grant('reads-a', { resources: ['pods/log'], verbs: ['get'] }, 'a')
  await grant('reads-all', { resources: ['pods/log'], verbs: ['get'] })
  await grant('reads-web', { resources: ['pods/log'], verbs: ['get'], resourceNames: ['web'] }, 'a')
  await grant('sees-pods', { resources: ['pods', 'events'], verbs: ['get', 'list', 'watch'] }, 'a')
  await grant('reads-nodes', { resources: ['nodes/log'], verbs: ['get'] })
  await grant('reads-audit', { apiGroups: [], resources: [], nonResourceURLs: ['/logs/audit'], verbs: ['get'] })
  certificates.set('admin', credentials.admin)
  const search = new LogSearch({
    sources: {
      list: () => [{ name: 'node-a', mayAnswer: () => true, open: (query, _, signal) => store.query(query, signal) }],
      onAdded: () => () => {},
    },
    clock: systemClock,
  })
  api = createMetricsApi({
    hosts: ['127.0.0.1'],
    port: 0,
    tls: credentials.server,
    authorities: { ...noAuthorities, clientCa: credentials.ca.cert },
    groups: [],
    feed: { revision: '1', onChange: () => () => {} },
    logs: new LogDoor({ search, accounts: async () => [{ node: 'node-a', problem: 'it keeps no logs' }], clock: systemClock }),
    client,
    clock: systemClock,
    log: silentLog,
    unready: () => [],
  })
  ;[address] = (await api.start()) as [string]
})

afterAll(async () => {
  await api?.stop()
  await store?.sink.stop()
  await server?.stop()
  rmSync(folder, { recursive: true, force: true })
})

/** One line of each thing that somebody may be allowed to read. */
async function fill(): Promise<void> {
  const none = { pod: '', podUid: '', container: '', containerId: '', image: '', labels: {} }
  const origins: readonly (readonly [text: string, LogOrigin])[] = [
    ['of a/web', originOf('web', { namespace: 'a' })],
    ['of a/db', originOf('db', { namespace: 'a' })],
    ['of b/web', originOf('web', { namespace: 'b', id: 'docker/web-b' })],
    ['of a file', originOf('file', { ...none, kind: 'file', namespace: '' })],
    ['of a journal', originOf('journal', { ...none, kind: 'journal', namespace: '' })],
    ['events of a', originOf('events-a', { ...none, kind: 'events', namespace: 'a' })],
    ['events of b', originOf('events-b', { ...none, kind: 'events', namespace: 'b' })],
    ['audit of a', originOf('audit-a', { ...none, kind: 'audit', namespace: 'a' })],
  ]
  for (const [index, [text, origin]] of origins.entries())
    await store.sink.deliver(batchOf(origin, [{ time: BigInt(index), text, position: 0 }], `file-${index}`), never)
}

/** A user of its own who may do this, in one namespace or everywhere. */
async function grant(name: string, rule: RbacV1PolicyRule, namespace?: string): Promise<void> {
  certificates.set(name, await credentials.issue(name))
  const metadata = { name, ...(namespace === undefined ? {} : { namespace }) }
  const rules = [{ apiGroups: [''], ...rule }]
  const subjects = [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name }]
  const apiVersion = 'rbac.authorization.k8s.io/v1'
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: namespace === undefined ? 'ClusterRole' : 'Role', name }
  if (namespace === undefined) {
    await client.create(RbacV1ClusterRole, { apiVersion, kind: 'ClusterRole', metadata, rules })
    await client.create(RbacV1ClusterRoleBinding, { apiVersion, kind: 'ClusterRoleBinding', metadata, subjects, roleRef })
  } else {
    await client.create(RbacV1Role, { apiVersion, kind: 'Role', metadata, rules })
    await client.create(RbacV1RoleBinding, { apiVersion, kind: 'RoleBinding', metadata, subjects, roleRef })
  }
}

async function ask(
  user: string | undefined,
  query: string,
  method = 'GET',
  path = '',
): Promise<{ readonly code: number; readonly body: string }> {
  const agent = new Agent({ ca: credentials.ca.cert, ...(user === undefined ? {} : certificates.get(user)) })
  try {
    return await new Promise((resolve, reject) => {
      const sent = request(new URL(`/api/v1/logs${path}?${query}`, address), { agent, method }, async (response) => {
        let body = ''
        for await (const chunk of response as AsyncIterable<Buffer>) body += chunk.toString()
        resolve({ code: response.statusCode!, body })
      })
      sent.on('error', reject)
      sent.end()
    })
  } finally {
    agent.destroy()
  }
}

test.each([
  ['reads-a', 'namespace=a', ['of a/web', 'of a/db']],
  ['reads-a', 'namespace=a&pod=db', ['of a/db']],
  ['reads-all', '', ['of a/web', 'of a/db', 'of b/web']],
  ['reads-all', 'namespace=b,a&selector=app=web', ['of a/web', 'of b/web']],
  ['reads-web', 'namespace=a&pod=web', ['of a/web']],
  ['sees-pods', 'namespace=a&kind=events', ['events of a']],
  ['reads-nodes', 'kind=file,journal', ['of a file', 'of a journal']],
  ['reads-audit', 'kind=audit', ['audit of a']],
  ['admin', '', ['of a/web', 'of a/db', 'of b/web']],
  ['admin', 'kind=events,audit', ['events of a', 'events of b', 'audit of a']],
])('%s who asks for %j gets these lines and no others', async (user, query, texts) => {
  const { code, body } = await ask(user, `${query}&format=plain`)
  expect(
    body
      .trim()
      .split('\n')
      .map((line) => line.split(' ').slice(2).join(' ')),
  ).toEqual(texts)
  expect(code).toBe(200)
})

test.each([
  ['reads-a', ''],
  ['reads-a', 'namespace=b'],
  ['reads-a', 'namespace=a,b'],
  ['reads-a', 'namespace=a,'],
  ['reads-a', 'namespace=*'],
  ['reads-a', 'pod=web'],
  ['reads-a', 'namespace=a&kind=events'],
  ['reads-a', 'namespace=a&kind=container,events'],
  ['reads-a', 'namespace=a&kind='],
  ['reads-a', 'kind=audit&namespace=a'],
  ['reads-all', 'kind=events'],
  ['reads-all', 'kind=file'],
  ['reads-all', 'kind=container,audit'],
  ['reads-web', 'namespace=a'],
  ['reads-web', 'namespace=a&pod=db'],
  ['reads-web', 'namespace=b&pod=web'],
  ['sees-pods', 'namespace=a'],
  ['sees-pods', 'kind=events'],
  ['reads-nodes', ''],
  ['reads-nodes', 'kind=container,journal'],
  ['reads-audit', 'kind=audit,events'],
])('%s who asks for %j is refused', async (user, query) => {
  const { code, body } = await ask(user, query)
  expect([code, (JSON.parse(body) as { reason: string }).reason]).toEqual([403, 'Forbidden'])
  expect(body).not.toMatch(/of [ab]/)
})

test('who shows no certificate is nobody, and only GET is answered', async () => {
  expect((await ask(undefined, 'namespace=a')).code).toBe(401)
  expect((await ask('admin', 'namespace=a', 'DELETE')).code).toBe(405)
})

test('the accounts of nodes are for those who may read the logs of nodes', async () => {
  const { code, body } = await ask('reads-nodes', '', 'GET', '/status')
  expect([code, JSON.parse(body)]).toEqual([200, { nodes: [{ node: 'node-a', problem: 'it keeps no logs' }] }])
  for (const user of ['reads-all', 'reads-audit']) expect((await ask(user, '', 'GET', '/status')).code).toBe(403)
})

test('a namespace that is named twice is a mistake, whoever names it', async () => {
  const { code, body } = await ask('reads-a', 'namespace=a&namespace=b')
  expect(code).toBe(400)
  expect(body).toContain('namespace: given several times')
})
