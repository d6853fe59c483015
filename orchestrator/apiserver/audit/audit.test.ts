import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { Agent, request as httpsRequest } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../../lib/clock.ts'
import { silentLog } from '../../../lib/log.ts'
import type { KeyPair } from '../../../lib/pki.ts'
import type { RequestInfo } from '../rest/request-info.ts'
import { createTestCredentials, startTestServer, type TestCredentials, type TestServer } from '../testing/test-server.ts'
import { AuditQueue } from './audit-queue.ts'
import { AuditLines } from './audit-lines.ts'
import type { AuditSink } from './audit-sink.ts'
import type { AuditSettings } from './auditor.ts'
import { defaultAuditPolicy, judge, parseAuditPolicy } from './policy.ts'
import { RotatedFile } from './rotated-file.ts'

let credentials: TestCredentials
let running: TestServer | undefined

beforeAll(async () => {
  credentials = await createTestCredentials()
})

afterEach(async () => {
  await running?.stop()
  running = undefined
})

interface AuditEvent {
  readonly level: string
  readonly stage: string
  readonly verb: string
  readonly requestURI: string
  readonly user: { readonly username?: string }
  readonly impersonatedUser?: { readonly username: string }
  readonly objectRef?: Readonly<Record<string, string>>
  readonly responseStatus?: { readonly code: number; readonly reason?: string }
  readonly requestObject?: { readonly metadata: object }
  readonly responseObject?: { readonly metadata: object }
  readonly annotations: Readonly<Record<string, string>>
  readonly auditID: string
}

function memorySink(): AuditSink & { events(): AuditEvent[] } {
  const events: AuditEvent[] = []
  return {
    write: async ({ bytes }) =>
      void events.push(
        ...bytes
          .toString()
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line) as AuditEvent),
      ),
    close: async () => {},
    events: () => events,
  }
}

async function start(policy: AuditSettings['policy']) {
  const sink = memorySink()
  running = await startTestServer(credentials, { audit: { policy, sinks: [sink], mode: 'blocking' } })
  return sink
}

interface Given {
  readonly as?: KeyPair
  readonly method?: string
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

function ask(
  path: string,
  { as = credentials.admin, method = 'GET', body, headers = {} }: Given = {},
): Promise<{ code: number; auditId: unknown }> {
  const { host, port } = running!.server.address
  const agent = new Agent({ ca: credentials.ca.cert, ...as })
  return new Promise((resolve, reject) => {
    const sent = httpsRequest(
      { host, port, path, method, agent, headers: { 'content-type': 'application/json', ...headers } },
      (response) => {
        response.resume()
        response.on('end', () => {
          agent.destroy()
          resolve({ code: response.statusCode!, auditId: response.headers['audit-id'] })
        })
      },
    )
    sent.on('error', reject)
    sent.end(body === undefined ? undefined : JSON.stringify(body))
  })
}

const configMaps = '/api/v1/namespaces/default/configmaps'
const configMap = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'one' }, data: { key: 'value' } }
const everything = parseAuditPolicy(
  'p',
  'apiVersion: audit.k8s.io/v1\nkind: Policy\nomitManagedFields: true\nrules: [{level: RequestResponse}]',
)

describe('the audit log', () => {
  it('says by default who changed what, with which outcome, and nothing of reading', async () => {
    const sink = await start(defaultAuditPolicy)
    const answer = await ask(configMaps, { method: 'POST', body: configMap })
    await ask(configMaps)
    await ask(`${configMaps}/none`, { method: 'DELETE' })
    const [created, deleted, ...more] = sink.events()
    expect(more).toEqual([])
    expect(created).toMatchObject({
      level: 'Metadata',
      stage: 'ResponseComplete',
      verb: 'create',
      auditID: answer.auditId,
      user: { username: 'admin' },
      sourceIPs: ['127.0.0.1'],
      objectRef: { resource: 'configmaps', namespace: 'default', name: 'one', apiVersion: 'v1' },
      responseStatus: { code: 201 },
      annotations: { 'authorization.k8s.io/decision': 'allow' },
    })
    expect(created).not.toHaveProperty('requestObject')
    expect(deleted).toMatchObject({ verb: 'delete', responseStatus: { code: 404, reason: 'NotFound' } })
  })

  it('has the refusals, also of who is not known, and who acts as somebody else', async () => {
    const sink = await start(defaultAuditPolicy)
    const bob = await credentials.issue('bob')
    await ask(configMaps, { as: bob, method: 'POST', body: configMap })
    await ask(configMaps, { method: 'POST', body: configMap, headers: { 'impersonate-user': 'carol' } })
    await ask(configMaps, { as: { cert: '', key: '' }, method: 'POST', body: configMap, headers: { authorization: 'Bearer wrong' } })
    const events = sink.events()
    expect(events[0]).toMatchObject({
      user: { username: 'bob' },
      responseStatus: { code: 403 },
      annotations: { 'authorization.k8s.io/decision': 'forbid' },
    })
    expect(events[1]).toMatchObject({ user: { username: 'admin' }, impersonatedUser: { username: 'carol' }, responseStatus: { code: 403 } })
    expect(events[2]).toMatchObject({ responseStatus: { code: 401 } })
  })

  it('has bodies where the policy wants them, without managed fields, and those of secrets never', async () => {
    const sink = await start(everything)
    await ask(configMaps, { method: 'POST', body: configMap })
    await ask('/api/v1/namespaces/default/secrets', {
      method: 'POST',
      body: { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's' }, stringData: { password: 'hunter2' } },
    })
    const complete = sink.events().filter(({ stage }) => stage === 'ResponseComplete')
    expect(complete[0]).toMatchObject({ level: 'RequestResponse', requestObject: configMap, responseObject: { data: { key: 'value' } } })
    expect(complete[0]!.responseObject!.metadata).not.toHaveProperty('managedFields')
    expect(complete[1]).not.toHaveProperty('requestObject')
    expect(JSON.stringify(sink.events())).not.toContain('hunter2')
    expect(sink.events().map(({ stage }) => stage)).toEqual(['RequestReceived', 'ResponseComplete', 'RequestReceived', 'ResponseComplete'])
  })

  it('has what parts of the server do, by their names, and not what they report all the time', async () => {
    const sink = await start(defaultAuditPolicy)
    const account = 'system:serviceaccount:kube-system:replicaset-controller'
    const transport = running!.server.transportAs(account)
    await transport.request({ method: 'POST', path: configMaps, body: configMap })
    await transport.request({ method: 'GET', path: `${configMaps}/one` })
    await transport.request({ method: 'DELETE', path: `${configMaps}/one`, query: { propagationPolicy: 'Background' } })
    const status = { metadata: { name: 'gone' } }
    const path = '/apis/apps/v1/namespaces/default/replicasets/gone'
    await transport.request({ method: 'PUT', path: `${path}/status`, body: status }).catch(() => {})
    await running!.server
      .transportAs('system:kube-scheduler')
      .request({ method: 'DELETE', path })
      .catch(() => {})
    expect(
      sink.events().map(({ verb, user, requestURI, responseStatus }) => [verb, user.username, requestURI, responseStatus?.code]),
    ).toEqual([
      ['create', account, configMaps, 201],
      ['delete', account, `${configMaps}/one?propagationPolicy=Background`, 200],
      ['delete', 'system:kube-scheduler', path, 404],
    ])
    expect(sink.events()[0]).toMatchObject({
      user: { groups: expect.arrayContaining(['system:serviceaccounts:kube-system']) },
      objectRef: { resource: 'configmaps', name: 'one', uid: expect.any(String), resourceVersion: expect.any(String) },
    })
  })

  it('has the bodies of parts of the server too, and their watches', async () => {
    const sink = await start(everything)
    const transport = running!.server.transportAs('system:kube-scheduler')
    await transport.request({ method: 'POST', path: configMaps, body: configMap })
    const over = new AbortController()
    for await (const event of transport.stream({ method: 'GET', path: configMaps, query: { resourceVersion: '0' } }, over.signal)) {
      expect(event.type).toBe('ADDED')
      over.abort()
    }
    expect(sink.events().map(({ verb, stage }) => `${verb} ${stage}`)).toEqual([
      'create RequestReceived',
      'create ResponseComplete',
      'watch RequestReceived',
      'watch ResponseStarted',
      'watch ResponseComplete',
    ])
    expect(sink.events()[1]).toMatchObject({ requestObject: configMap, responseObject: { data: { key: 'value' } } })
  })

  it('is JSON whatever a client writes into it', async () => {
    const sink = await start(defaultAuditPolicy)
    const hostile = `a"b\\c\t${'x'.repeat(5000)}`
    await ask(`${configMaps}?fieldManager=%22%0a`, {
      method: 'POST',
      body: { ...configMap, metadata: { name: 'A"\n' } },
      headers: { 'user-agent': hostile },
    })
    const [event] = sink.events()
    expect(event).toMatchObject({ requestURI: `${configMaps}?fieldManager=%22%0a`, responseStatus: { code: 422, reason: 'Invalid' } })
    expect(event).toMatchObject({ userAgent: hostile.slice(0, 1024) })
  })

  it('cuts bodies off events that are too large, and says so', async () => {
    const sink = await start(everything)
    await ask(configMaps, { method: 'POST', body: { ...configMap, data: { key: 'x'.repeat(200_000) } } })
    const last = sink.events().at(-1)!
    expect(last.annotations['audit.k8s.io/truncated']).toBe('true')
    expect(last).not.toHaveProperty('responseObject')
  })

  it('says which standard a pod was judged by, and what it would violate', async () => {
    const sink = await start(defaultAuditPolicy)
    const labels = { 'pod-security.kubernetes.io/audit': 'baseline' }
    await ask('/api/v1/namespaces', {
      method: 'POST',
      body: { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'audited', labels } },
    })
    await ask('/api/v1/namespaces/audited/serviceaccounts', {
      method: 'POST',
      body: { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default' } },
    })
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec: { hostPID: true, containers: [{ name: 'c', image: 'i' }] } }
    expect(await ask('/api/v1/namespaces/audited/pods', { method: 'POST', body: pod })).toMatchObject({ code: 201 })
    expect(sink.events().at(-1)!.annotations).toEqual({
      'authorization.k8s.io/decision': 'allow',
      'authorization.k8s.io/reason': expect.any(String),
      'pod-security.kubernetes.io/enforce-policy': 'privileged:latest',
      'pod-security.kubernetes.io/audit-violations': 'would violate PodSecurity "baseline:latest": host namespaces (hostPID=true)',
    })
  })

  it('begins a watch with ResponseStarted', async () => {
    const sink = await start(everything)
    const { host, port } = running!.server.address
    const agent = new Agent({ ca: credentials.ca.cert, ...credentials.admin })
    await new Promise<void>((resolve) => {
      const sent = httpsRequest({ host, port, path: `${configMaps}?watch=true`, agent }, (response) => {
        response.on('error', () => {})
        sent.destroy()
        resolve()
      })
      sent.on('error', () => {})
      sent.end()
    })
    expect(sink.events().map(({ verb, stage }) => `${verb} ${stage}`)).toEqual(['watch RequestReceived', 'watch ResponseStarted'])
  })
})

describe('an audit policy', () => {
  const pods: RequestInfo = {
    method: 'GET',
    path: '',
    verb: 'get',
    isResource: true,
    group: '',
    version: 'v1',
    namespace: 'a',
    resource: 'pods',
    name: 'x',
    subresource: '',
    rest: '',
  }
  const user = { name: 'bob', groups: ['dev'] }
  const levelOf = (rule: string, info: Partial<RequestInfo> = {}) =>
    judge(
      parseAuditPolicy('p', `apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Request, ${rule}}, {level: None}]`),
      { ...pods, ...info },
      user,
    ).level

  it.each([
    ['users: [bob]', {}, 'Request'],
    ['users: [carol]', {}, 'None'],
    ['userGroups: [ops, dev]', {}, 'Request'],
    ['verbs: [list]', {}, 'None'],
    ['namespaces: [a]', {}, 'Request'],
    ['namespaces: [""]', {}, 'None'],
    ['resources: [{group: ""}]', {}, 'Request'],
    ['resources: [{group: apps}]', {}, 'None'],
    ['resources: [{group: "", resources: [pods]}]', { subresource: 'log' }, 'None'],
    ['resources: [{group: "", resources: [pods/log]}]', { subresource: 'log' }, 'Request'],
    ['resources: [{group: "", resources: ["*/log"]}]', { subresource: 'log' }, 'Request'],
    ['resources: [{group: "", resources: ["pods/*"]}]', { subresource: 'log' }, 'Request'],
    ['resources: [{group: "", resources: [pods], resourceNames: [y]}]', {}, 'None'],
    ['nonResourceURLs: ["/healthz*"]', {}, 'None'],
    ['nonResourceURLs: ["/healthz*"]', { isResource: false, path: '/healthz/ping' }, 'Request'],
  ])('%s of %o: %s', (rule, info, level) => {
    expect(levelOf(rule, info)).toBe(level)
  })

  it('names every mistake with its place', () => {
    const text = `apiVersion: audit.k8s.io/v1beta1
kind: Policy
rules:
- level: All
- {level: None, resources: [{group: ""}], nonResourceURLs: [healthz]}
- {level: None, omitStages: [Never]}
`
    const message = problemsOf(text)
    for (const part of ['p:1:13', 'p:4:10', 'rules[1].nonResourceURLs', 'rules[2].omitStages']) expect(message).toContain(part)
  })

  function problemsOf(text: string): string {
    try {
      parseAuditPolicy('p', text)
      return ''
    } catch (error) {
      return (error as Error).message
    }
  }
})

describe('the way of audit events', () => {
  it('drops and counts what comes while too much waits, and goes on', async () => {
    const gate = Promise.withResolvers<void>()
    let written = 0
    const sink: AuditSink = {
      write: async ({ count }) => {
        await gate.promise
        written += count
      },
      close: async () => {},
    }
    const queue = new AuditQueue({ sinks: [sink], clock: systemClock, log: silentLog })
    for (let index = 0; index < 15_000; index++) queue.add('{}', 0, '', 0)
    gate.resolve()
    await queue.flush()
    const { events, dropped } = queue.totals()
    expect(events).toBe(written)
    expect(events + dropped).toBe(15_000)
    expect(dropped).toBeGreaterThan(0)
  })

  it('goes to a file of its owner, which is rotated, compressed and bounded in number', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'binnacle-audit-'))
    try {
      const path = join(folder, 'deep', 'audit.log')
      let now = 0
      const clock = { ...systemClock, now: () => (now += 1000) }
      const file = new RotatedFile({ path, maxBytes: 100, maxBackups: 2, clock })
      const lines = new AuditLines()
      for (let index = 0; index < 10; index++) {
        lines.add(JSON.stringify({ index, pad: 'x'.repeat(60) }), 0, '', 0)
        await file.write(lines.take())
      }
      await file.close()
      expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ index: 9 })
      expect(statSync(path).mode & 0o777).toBe(0o600)
      const names = readdirSync(join(folder, 'deep'))
      expect(names).toHaveLength(3)
      expect(names.filter((name) => /^audit-.*\.log\.gz$/.test(name))).toHaveLength(2)
      expect(existsSync(path)).toBe(true)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})
