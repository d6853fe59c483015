import { beforeAll, describe, expect, test } from 'vitest'
import type { KubeObject, ListOf, WatchEvent } from '../../api/object.ts'
import type { Transport, TransportRequest } from '../../client/client.ts'

type Fields = Record<string, any>

/** What the API promises, whichever way a request comes in. `open` gives a transport with all rights to a started server. */
export function describeRest(way: string, open: () => Promise<Transport>): void {
  describe(`REST ${way}`, () => {
    let transport: Transport
    beforeAll(async () => {
      transport = await open()
    })

    const send = (method: TransportRequest['method'], path: string, rest: Partial<TransportRequest> = {}) =>
      transport.request({ method, path, ...rest }) as Promise<Fields>
    const refusal = (request: Promise<unknown>) =>
      request.then(
        () => expect.fail('was accepted'),
        (error: { status: Fields }) => error.status,
      )
    const newNamespace = async () => {
      const namespace = await send('POST', '/api/v1/namespaces', {
        body: { apiVersion: 'v1', kind: 'Namespace', metadata: { generateName: 'ns-' } },
      })
      const name = namespace['metadata'].name as string
      await send('POST', `/api/v1/namespaces/${name}/serviceaccounts`, {
        body: { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default' } },
      })
      return `/api/v1/namespaces/${name}`
    }
    const configMap = (name: string, more: Fields = {}) => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name, ...more['metadata'] },
      data: more['data'] ?? { a: '1' },
    })
    const pod = (name: string, spec: Fields = {}) => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, labels: { app: name } },
      spec: { containers: [{ name: 'c', image: 'i' }], ...spec },
    })
    const watch = (path: string, query: Record<string, string>, signal: AbortSignal) =>
      transport.stream({ method: 'GET', path, query: { watch: 'true', ...query } }, signal)[Symbol.asyncIterator]()
    const take = async (stream: AsyncIterator<WatchEvent<KubeObject>>, count: number) => {
      const events: string[] = []
      while (events.length < count) {
        const next = await stream.next()
        if (next.done === true) break
        events.push(`${next.value.type} ${next.value.object.metadata.name ?? ''}`.trim())
      }
      return events
    }

    test('creates, reads, replaces and removes an object', async () => {
      const ns = await newNamespace()
      const created = await send('POST', `${ns}/configmaps`, { body: configMap('one') })
      expect(created).toMatchObject({
        kind: 'ConfigMap',
        apiVersion: 'v1',
        metadata: { name: 'one', uid: expect.any(String), creationTimestamp: expect.any(String) },
      })
      const read = await send('GET', `${ns}/configmaps/one`)
      expect(read).toEqual(created)
      const replaced = await send('PUT', `${ns}/configmaps/one`, { body: { ...read, data: { b: '2' } } })
      expect(replaced).toMatchObject({ data: { b: '2' }, metadata: { uid: created['metadata'].uid } })
      expect(Number(replaced['metadata'].resourceVersion)).toBeGreaterThan(Number(created['metadata'].resourceVersion))
      expect(await send('DELETE', `${ns}/configmaps/one`)).toMatchObject({
        kind: 'Status',
        status: 'Success',
        details: { name: 'one', kind: 'configmaps', uid: created['metadata'].uid },
      })
      expect(await refusal(send('GET', `${ns}/configmaps/one`))).toMatchObject({
        reason: 'NotFound',
        code: 404,
        message: 'configmaps "one" not found',
      })
    })

    test('an update that changes nothing keeps the resourceVersion', async () => {
      const ns = await newNamespace()
      const created = await send('POST', `${ns}/configmaps`, { body: configMap('same') })
      expect((await send('PUT', `${ns}/configmaps/same`, { body: configMap('same') }))['metadata'].resourceVersion).toBe(
        created['metadata'].resourceVersion,
      )
    })

    test('generates names, and refuses one that is taken', async () => {
      const ns = await newNamespace()
      const generated = await send('POST', `${ns}/configmaps`, { body: { ...configMap(''), metadata: { generateName: 'run-' } } })
      expect(generated['metadata'].name).toMatch(/^run-[a-z0-9]{5}$/)
      expect(await refusal(send('POST', `${ns}/configmaps`, { body: configMap(generated['metadata'].name as string) }))).toMatchObject({
        reason: 'AlreadyExists',
        code: 409,
      })
    })

    test.each([
      ['without a spec', {}],
      ['without containers', { spec: {} }],
      ['with containers that are null', { spec: { containers: null } }],
    ])('names what a pod %s lacks, in a namespace with limits', async (_, rest) => {
      const ns = await newNamespace()
      await send('POST', `${ns}/limitranges`, {
        body: {
          apiVersion: 'v1',
          kind: 'LimitRange',
          metadata: { name: 'l' },
          spec: { limits: [{ type: 'Container', default: { cpu: '1' } }] },
        },
      })
      const body = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'empty' }, ...rest }
      expect(await refusal(send('POST', `${ns}/pods`, { body }))).toMatchObject({
        reason: 'Invalid',
        code: 422,
        message: expect.stringContaining('spec.containers: Required value'),
      })
    })

    test('refuses a write that was made from an older version', async () => {
      const ns = await newNamespace()
      const first = await send('POST', `${ns}/configmaps`, { body: configMap('stale') })
      await send('PUT', `${ns}/configmaps/stale`, { body: { ...first, data: { n: '1' } } })
      expect(await refusal(send('PUT', `${ns}/configmaps/stale`, { body: { ...first, data: { n: '2' } } }))).toMatchObject({
        code: 409,
        reason: 'Conflict',
        message:
          'Operation cannot be fulfilled on configmaps "stale": the object has been modified; please apply your changes to the latest version and try again',
      })
    })

    test('of concurrent writers none is lost', async () => {
      const ns = await newNamespace()
      await send('POST', `${ns}/configmaps`, { body: configMap('busy', { data: {} }) })
      const patch = (key: number) =>
        send('PATCH', `${ns}/configmaps/busy`, { contentType: 'application/merge-patch+json', body: { data: { [`k${key}`]: 'x' } } })
      await Promise.all(Array.from({ length: 10 }, (_, key) => patch(key)))
      expect(Object.keys((await send('GET', `${ns}/configmaps/busy`))['data'] as Fields)).toHaveLength(10)
    })

    test.each<[string, string, unknown, Fields]>([
      ['merge', 'application/merge-patch+json', { data: { a: null, b: '2' } }, { b: '2' }],
      ['JSON', 'application/json-patch+json', [{ op: 'add', path: '/data/b', value: '2' }], { a: '1', b: '2' }],
      ['strategic merge', 'application/strategic-merge-patch+json', { data: { b: '2' } }, { a: '1', b: '2' }],
    ])('applies a %s patch', async (_, contentType, body, data) => {
      const ns = await newNamespace()
      await send('POST', `${ns}/configmaps`, { body: configMap('p') })
      expect((await send('PATCH', `${ns}/configmaps/p`, { contentType, body }))['data']).toEqual(data)
    })

    test('applies a configuration on the server, creating the object if need be', async () => {
      const ns = await newNamespace()
      const apply = (body: Fields, manager: string) =>
        send('PATCH', `${ns}/configmaps/applied`, { contentType: 'application/apply-patch+yaml', query: { fieldManager: manager }, body })
      expect((await apply(configMap('applied'), 'one'))['data']).toEqual({ a: '1' })
      expect((await apply(configMap('applied', { data: { b: '2' } }), 'one'))['data']).toEqual({ b: '2' })
      expect(await refusal(apply(configMap('applied', { data: { b: '3' } }), 'two'))).toMatchObject({
        code: 409,
        reason: 'Conflict',
        details: { causes: [{ reason: 'FieldManagerConflict', field: '.data.b' }] },
      })
    })

    test('selects by labels and fields, and pages through a consistent list', async () => {
      const ns = await newNamespace()
      for (const index of [0, 1, 2, 3, 4])
        await send('POST', `${ns}/configmaps`, { body: configMap(`c${index}`, { metadata: { labels: { odd: String(index % 2) } } }) })
      const names = async (query: Record<string, string>) =>
        ((await send('GET', `${ns}/configmaps`, { query })) as ListOf<KubeObject> & Fields).items.map((item) => item.metadata.name)
      expect(await names({ labelSelector: 'odd=1' })).toEqual(['c1', 'c3'])
      expect(await names({ fieldSelector: 'metadata.name=c2' })).toEqual(['c2'])
      expect(await names({ fieldSelector: 'metadata.name!=c2', labelSelector: 'odd in (0)' })).toEqual(['c0', 'c4'])
      const first = await send('GET', `${ns}/configmaps`, { query: { limit: '2' } })
      expect(first).toMatchObject({ kind: 'ConfigMapList', metadata: { remainingItemCount: 3, continue: expect.any(String) } })
      await send('DELETE', `${ns}/configmaps/c3`)
      const rest = await send('GET', `${ns}/configmaps`, { query: { limit: '10', continue: first['metadata'].continue as string } })
      expect(rest['items'].map((item: KubeObject) => item.metadata.name)).toEqual(['c2', 'c3', 'c4'])
      expect(rest['metadata'].resourceVersion).toBe(first['metadata'].resourceVersion)
    })

    test('a dry run answers as if and stores nothing', async () => {
      const ns = await newNamespace()
      const dryRun = { query: { dryRun: 'All' } }
      expect(await send('POST', `${ns}/configmaps`, { body: configMap('dry'), ...dryRun })).toMatchObject({ metadata: { name: 'dry' } })
      expect(await refusal(send('GET', `${ns}/configmaps/dry`))).toMatchObject({ code: 404 })
      await send('POST', `${ns}/configmaps`, { body: configMap('dry') })
      await send('PUT', `${ns}/configmaps/dry`, { body: configMap('dry', { data: { z: '1' } }), ...dryRun })
      await send('DELETE', `${ns}/configmaps/dry`, dryRun)
      expect((await send('GET', `${ns}/configmaps/dry`))['data']).toEqual({ a: '1' })
    })

    test('a pod without a node goes at once, one with a node after its grace period', async () => {
      const ns = await newNamespace()
      await send('POST', `${ns}/pods`, { body: pod('free') })
      expect(await send('DELETE', `${ns}/pods/free`)).toMatchObject({ status: 'Success' })
      await send('POST', `${ns}/pods`, { body: pod('bound', { terminationGracePeriodSeconds: 7 }) })
      await send('POST', `${ns}/pods/bound/binding`, {
        body: { apiVersion: 'v1', kind: 'Binding', metadata: { name: 'bound' }, target: { kind: 'Node', name: 'n1' } },
      })
      expect(await refusal(send('POST', `${ns}/pods/bound/binding`, { body: { target: { kind: 'Node', name: 'n2' } } }))).toMatchObject({
        code: 409,
      })
      const bound = await send('GET', `${ns}/pods/bound`)
      expect(bound).toMatchObject({
        spec: { nodeName: 'n1' },
        status: { phase: 'Pending', conditions: [{ type: 'PodScheduled', status: 'True' }] },
      })
      const leaving = await send('DELETE', `${ns}/pods/bound`)
      expect(leaving['metadata']).toMatchObject({ deletionGracePeriodSeconds: 7, deletionTimestamp: expect.any(String) })
      await send('DELETE', `${ns}/pods/bound`, { body: { gracePeriodSeconds: 0, preconditions: { uid: bound['metadata'].uid } } })
      expect(await refusal(send('GET', `${ns}/pods/bound`))).toMatchObject({ code: 404 })
    })

    test('pods get defaults, a token volume, tolerations and a priority', async () => {
      const ns = await newNamespace()
      const { spec } = await send('POST', `${ns}/pods`, { body: pod('equipped') })
      expect(spec).toMatchObject({ serviceAccountName: 'default', priority: 0, restartPolicy: 'Always', terminationGracePeriodSeconds: 30 })
      expect(spec.containers[0].volumeMounts).toEqual([
        { name: spec.volumes[0].name, readOnly: true, mountPath: '/var/run/secrets/kubernetes.io/serviceaccount' },
      ])
      expect(spec.volumes[0].name).toMatch(/^kube-api-access-[a-z0-9]{5}$/)
      expect(spec.tolerations).toHaveLength(2)
    })

    test('a finalizer keeps an object until it is taken off', async () => {
      const ns = await newNamespace()
      await send('POST', `${ns}/configmaps`, { body: configMap('held', { metadata: { finalizers: ['example.com/hold'] } }) })
      expect((await send('DELETE', `${ns}/configmaps/held`))['metadata'].deletionTimestamp).toBeDefined()
      await send('PATCH', `${ns}/configmaps/held`, {
        contentType: 'application/merge-patch+json',
        body: { metadata: { finalizers: null } },
      })
      expect(await refusal(send('GET', `${ns}/configmaps/held`))).toMatchObject({ code: 404 })
    })

    test.each([
      ['Foreground', ['foregroundDeletion']],
      ['Orphan', ['orphan']],
    ])('%s propagation leaves its finalizer for the garbage collector', async (propagationPolicy, finalizers) => {
      const ns = await newNamespace()
      await send('POST', `${ns}/configmaps`, { body: configMap('owner') })
      expect((await send('DELETE', `${ns}/configmaps/owner`, { body: { propagationPolicy } }))['metadata'].finalizers).toEqual(finalizers)
    })

    test('a removal is refused when its preconditions do not hold', async () => {
      const ns = await newNamespace()
      await send('POST', `${ns}/configmaps`, { body: configMap('guarded') })
      expect(await refusal(send('DELETE', `${ns}/configmaps/guarded`, { body: { preconditions: { uid: 'other' } } }))).toMatchObject({
        code: 409,
        message: expect.stringContaining('Precondition failed: UID in precondition: other'),
      })
    })

    test('deletecollection removes what is selected', async () => {
      const ns = await newNamespace()
      for (const name of ['x', 'y', 'z'])
        await send('POST', `${ns}/configmaps`, { body: configMap(name, { metadata: { labels: { last: String(name === 'z') } } }) })
      await send('DELETE', `${ns}/configmaps`, { query: { labelSelector: 'last=false' } })
      expect((await send('GET', `${ns}/configmaps`))['items'].map((item: KubeObject) => item.metadata.name)).toEqual(['z'])
    })

    test('status and spec are written apart, and only a new spec counts the generation up', async () => {
      const ns = await newNamespace()
      const spec = { replicas: 2, selector: { a: 'b' }, template: { metadata: { labels: { a: 'b' } }, spec: pod('x').spec } }
      const path = `${ns}/replicationcontrollers/rc`
      await send('POST', `${ns}/replicationcontrollers`, {
        body: { apiVersion: 'v1', kind: 'ReplicationController', metadata: { name: 'rc' }, spec, status: { replicas: 9 } },
      })
      const created = await send('GET', path)
      expect(created).toMatchObject({ status: { replicas: 0 }, metadata: { generation: 1 } })
      const withStatus = await send('PUT', `${path}/status`, {
        body: { ...created, spec: { ...created['spec'], replicas: 7 }, status: { replicas: 2, observedGeneration: 1 } },
      })
      expect(withStatus).toMatchObject({ spec: { replicas: 2 }, status: { replicas: 2 }, metadata: { generation: 1 } })
      const updated = await send('PUT', path, { body: { ...withStatus, spec: { ...withStatus['spec'], replicas: 3 }, status: {} } })
      expect(updated).toMatchObject({ spec: { replicas: 3 }, status: { replicas: 2 }, metadata: { generation: 2 } })
    })

    test('scales through the scale subresource', async () => {
      const ns = await newNamespace()
      const template = { metadata: { labels: { a: 'b' } }, spec: pod('x').spec }
      await send('POST', `${ns}/replicationcontrollers`, {
        body: { apiVersion: 'v1', kind: 'ReplicationController', metadata: { name: 'rc' }, spec: { replicas: 1, template } },
      })
      expect(await send('GET', `${ns}/replicationcontrollers/rc/scale`)).toMatchObject({
        kind: 'Scale',
        spec: { replicas: 1 },
        status: { replicas: 0, selector: 'a=b' },
      })
      await send('PATCH', `${ns}/replicationcontrollers/rc/scale`, {
        contentType: 'application/merge-patch+json',
        body: { spec: { replicas: 4 } },
      })
      expect((await send('GET', `${ns}/replicationcontrollers/rc`))['spec'].replicas).toBe(4)
      const scale = await send('GET', `${ns}/replicationcontrollers/rc/scale`)
      expect(
        await refusal(send('PUT', `${ns}/replicationcontrollers/rc/scale`, { body: { ...scale, spec: { replicas: -1 } } })),
      ).toMatchObject({ code: 422 })
      expect(await send('PUT', `${ns}/replicationcontrollers/rc/scale`, { body: { ...scale, spec: { replicas: 2 } } })).toMatchObject({
        spec: { replicas: 2 },
      })
    })

    test('services get an address and node ports, and give them back', async () => {
      const ns = await newNamespace()
      const service = (name: string, spec: Fields) => ({
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name },
        spec: { ports: [{ port: 80 }], ...spec },
      })
      const { spec } = await send('POST', `${ns}/services`, { body: service('a', { type: 'NodePort' }) })
      expect(spec).toMatchObject({
        clusterIP: expect.stringMatching(/^10\.96\./),
        clusterIPs: [spec.clusterIP],
        ipFamilies: ['IPv4'],
        ports: [{ targetPort: 80, nodePort: expect.any(Number) }],
      })
      const { nodePort } = spec.ports[0]
      expect(await refusal(send('POST', `${ns}/services`, { body: service('b', { clusterIP: spec.clusterIP }) }))).toMatchObject({
        code: 422,
        message: expect.stringContaining('provided IP is already allocated'),
      })
      expect(
        await refusal(send('POST', `${ns}/services`, { body: service('b', { type: 'NodePort', ports: [{ port: 80, nodePort }] }) })),
      ).toMatchObject({ message: expect.stringContaining('provided port is already allocated') })
      expect(await refusal(send('POST', `${ns}/services`, { body: service('b', { clusterIP: '10.1.1.1' }) }))).toMatchObject({
        message: expect.stringContaining('is not in the valid range. The range of valid IPs is 10.96.0.0/16'),
      })
      await send('DELETE', `${ns}/services/a`)
      expect(
        (
          await send('POST', `${ns}/services`, {
            body: service('b', { type: 'NodePort', clusterIP: spec.clusterIP, ports: [{ port: 80, nodePort }] }),
          })
        )['spec'].clusterIP,
      ).toBe(spec.clusterIP)
      expect((await send('POST', `${ns}/services`, { body: service('headless', { clusterIP: 'None' }) }))['spec'].clusterIPs).toEqual([
        'None',
      ])
      const clusterOnly = await send('PATCH', `${ns}/services/b`, {
        contentType: 'application/merge-patch+json',
        body: { spec: { type: 'ClusterIP' } },
      })
      expect(clusterOnly['spec'].ports[0].nodePort).toBeUndefined()
      expect(
        (await send('POST', `${ns}/services`, { body: service('c', { type: 'NodePort', ports: [{ port: 80, nodePort }] }) }))['spec']
          .ports[0].nodePort,
      ).toBe(nodePort)
    })

    test('a disruption budget stops an eviction', async () => {
      const ns = await newNamespace()
      await send('POST', `${ns}/pods`, { body: pod('kept') })
      const run = async (name: string, ready: string) => {
        const status = { phase: 'Running', conditions: [{ type: 'Ready', status: ready }] }
        await send('PUT', `${ns}/pods/${name}/status`, { body: { ...(await send('GET', `${ns}/pods/${name}`)), status } })
      }
      await run('kept', 'True')
      const budgets = `/apis/policy/v1/${ns.slice('/api/v1/'.length)}/poddisruptionbudgets`
      const budget = await send('POST', budgets, {
        body: {
          apiVersion: 'policy/v1',
          kind: 'PodDisruptionBudget',
          metadata: { name: 'b' },
          spec: { minAvailable: 1, selector: { matchLabels: { app: 'kept' } } },
        },
      })
      const evict = () =>
        send('POST', `${ns}/pods/kept/eviction`, { body: { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'kept' } } })
      const setAllowed = async (disruptionsAllowed: number, currentHealthy: number) => {
        const current = await send('GET', `${budgets}/b`)
        await send('PUT', `${budgets}/b/status`, {
          body: { ...current, status: { ...current['status'], disruptionsAllowed, currentHealthy } },
        })
      }
      await send('PUT', `${budgets}/b/status`, {
        body: {
          ...budget,
          status: { observedGeneration: 1, disruptionsAllowed: 0, currentHealthy: 1, desiredHealthy: 1, expectedPods: 1 },
        },
      })
      expect(await refusal(evict())).toMatchObject({
        code: 429,
        reason: 'TooManyRequests',
        details: { causes: [{ reason: 'DisruptionBudget' }] },
      })
      // One that serves nobody may go while enough others do, and takes nothing from the budget.
      await run('kept', 'False')
      await setAllowed(0, 0)
      expect(await refusal(evict())).toMatchObject({ code: 429 })
      await run('kept', 'True')
      await setAllowed(1, 1)
      expect(await evict()).toMatchObject({ status: 'Success' })
      expect((await send('GET', `${budgets}/b`))['status']).toMatchObject({
        disruptionsAllowed: 0,
        disruptedPods: { kept: expect.anything() },
      })
      await send('POST', `${ns}/pods`, { body: pod('kept') })
      await run('kept', 'False')
      await setAllowed(0, 1)
      expect(await evict()).toMatchObject({ status: 'Success' })
      expect((await send('GET', `${budgets}/b`))['status']).toMatchObject({ disruptionsAllowed: 0 })
      expect(await refusal(send('GET', `${ns}/pods/kept`))).toMatchObject({ code: 404 })
    })

    test('a quota refuses what goes beyond it, also when it comes all at once, and pods that do not say what they need', async () => {
      const ns = await newNamespace()
      const quota = (name: string, spec: object) =>
        send('POST', `${ns}/resourcequotas`, { body: { apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name }, spec } })
      await quota('few', { hard: { configmaps: '2' } })
      const answers = await Promise.allSettled(
        ['a', 'b', 'c', 'd'].map((name) => send('POST', `${ns}/configmaps`, { body: configMap(name) })),
      )
      expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(2)
      expect(await refusal(send('POST', `${ns}/configmaps`, { body: configMap('e') }))).toMatchObject({
        code: 403,
        message: 'configmaps "e" is forbidden: exceeded quota: few, requested: configmaps=1, used: configmaps=2, limited: configmaps=2',
      })
      await quota('short', { hard: { pods: '1' }, scopes: ['Terminating'] })
      const short = (name: string) => pod(name, { activeDeadlineSeconds: 10 })
      await send('POST', `${ns}/pods`, { body: short('short') })
      expect(await refusal(send('POST', `${ns}/pods`, { body: short('shorter') }))).toMatchObject({ code: 403 })
      await send('POST', `${ns}/pods`, { body: pod('lasting') })
      await quota('compute', { hard: { 'limits.memory': '1Gi' } })
      expect(await refusal(send('POST', `${ns}/pods`, { body: pod('vague') }))).toMatchObject({
        code: 403,
        message: expect.stringMatching(/^pods "vague" is forbidden: failed quota: compute: must specify limits.memory for: /),
      })
    })

    test('a namespace ends with its content: nothing new comes in, and finalize lets it go', async () => {
      const ns = await newNamespace()
      expect(await send('DELETE', ns)).toMatchObject({ status: { phase: 'Terminating' }, spec: { finalizers: ['kubernetes'] } })
      expect(await refusal(send('POST', `${ns}/configmaps`, { body: configMap('late') }))).toMatchObject({
        code: 403,
        details: { causes: [{ reason: 'NamespaceTerminating' }] },
      })
      const namespace = await send('GET', ns)
      await send('PUT', `${ns}/finalize`, { body: { ...namespace, spec: { finalizers: [] } } })
      expect(await refusal(send('GET', ns))).toMatchObject({ code: 404 })
      expect(await refusal(send('POST', `${ns}/configmaps`, { body: configMap('late') }))).toMatchObject({
        code: 404,
        message: expect.stringContaining('namespaces "'),
      })
      expect(await refusal(send('DELETE', '/api/v1/namespaces/kube-system'))).toMatchObject({ code: 403 })
    })

    test('watches from a revision, with a selection', async () => {
      const ns = await newNamespace()
      const { metadata } = await send('GET', `${ns}/configmaps`)
      const end = new AbortController()
      const stream = watch(`${ns}/configmaps`, { resourceVersion: metadata.resourceVersion as string, labelSelector: 'on=yes' }, end.signal)
      const events = take(stream, 4)
      await send('POST', `${ns}/configmaps`, { body: configMap('w', { metadata: { labels: { on: 'yes' } } }) })
      await send('POST', `${ns}/configmaps`, { body: configMap('other') })
      const label = (on: string) =>
        send('PATCH', `${ns}/configmaps/w`, { contentType: 'application/merge-patch+json', body: { metadata: { labels: { on } } } })
      await label('no')
      await label('yes')
      await send('DELETE', `${ns}/configmaps/w`)
      expect(await events).toEqual(['ADDED w', 'DELETED w', 'ADDED w', 'DELETED w'])
      end.abort()
      expect((await stream.next()).done).toBe(true)
    })

    test('a watch without a revision begins with what is there', async () => {
      const ns = await newNamespace()
      await send('POST', `${ns}/configmaps`, { body: configMap('there') })
      const end = new AbortController()
      expect(await take(watch(`${ns}/configmaps`, {}, end.signal), 1)).toEqual(['ADDED there'])
      end.abort()
    })

    test('initial events end with an annotated bookmark', async () => {
      const ns = await newNamespace()
      await send('POST', `${ns}/configmaps`, { body: configMap('there') })
      const end = new AbortController()
      const query = { sendInitialEvents: 'true', resourceVersionMatch: 'NotOlderThan', allowWatchBookmarks: 'true' }
      const stream = watch(`${ns}/configmaps`, query, end.signal)
      expect(await take(stream, 1)).toEqual(['ADDED there'])
      const { value } = await stream.next()
      expect(value).toMatchObject({ type: 'BOOKMARK', object: { metadata: { annotations: { 'k8s.io/initial-events-end': 'true' } } } })
      end.abort()
    })

    test('a token is issued for a service account and its pod', async () => {
      const ns = await newNamespace()
      const created = await send('POST', `${ns}/pods`, { body: pod('user') })
      const request = (spec: Fields) =>
        send('POST', `${ns}/serviceaccounts/default/token`, {
          body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec },
        })
      const bound = await request({
        audiences: [],
        boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: 'user', uid: created['metadata'].uid },
      })
      const review = async (token: string) =>
        (
          await send('POST', '/apis/authentication.k8s.io/v1/tokenreviews', {
            body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token } },
          })
        )['status']
      expect(await review(bound['status'].token as string)).toMatchObject({
        authenticated: true,
        user: {
          username: expect.stringMatching(/^system:serviceaccount:ns-[a-z0-9]+:default$/),
          extra: { 'authentication.kubernetes.io/pod-name': ['user'] },
        },
      })
      await send('DELETE', `${ns}/pods/user`)
      expect(await review(bound['status'].token as string)).not.toHaveProperty('authenticated')
      expect(await refusal(request({ audiences: [], expirationSeconds: 5 }))).toMatchObject({ code: 422 })
    })

    test.each<[string, TransportRequest['method'], string, Partial<TransportRequest>, Fields]>([
      ['an unknown resource', 'GET', '/api/v1/nothings', {}, { code: 404, reason: 'NotFound' }],
      ['an unknown path', 'GET', '/nowhere', {}, { code: 404 }],
      ['a PUT on a collection', 'PUT', '/api/v1/namespaces/default/pods', { body: {} }, { code: 405, reason: 'MethodNotAllowed' }],
      ['a verb that the kind does not have', 'POST', '/api/v1/componentstatuses', { body: {} }, { code: 405, reason: 'MethodNotAllowed' }],
      ['no body', 'POST', '/api/v1/namespaces', {}, { code: 400 }],
      [
        'no name',
        'POST',
        '/api/v1/namespaces',
        { body: { metadata: {} } },
        { code: 422, message: expect.stringContaining('name or generateName is required') },
      ],
      ['another kind', 'POST', '/api/v1/namespaces', { body: { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'x' } } }, { code: 400 }],
      [
        'another version',
        'POST',
        '/api/v1/namespaces',
        { body: { apiVersion: 'v2', kind: 'Namespace', metadata: { name: 'x' } } },
        { code: 400, message: expect.stringContaining('does not match the expected API version (v1)') },
      ],
      [
        'another namespace',
        'POST',
        '/api/v1/namespaces/default/configmaps',
        { body: { metadata: { name: 'x', namespace: 'other' } } },
        { code: 400, message: 'the namespace of the provided object does not match the namespace sent on the request' },
      ],
      [
        'another name',
        'PUT',
        '/api/v1/namespaces/kube-public',
        { body: { metadata: { name: 'x' } } },
        { code: 400, message: 'the name of the object (x) does not match the name on the URL (kube-public)' },
      ],
      ['a bad name', 'POST', '/api/v1/namespaces', { body: { metadata: { name: 'Bad_Name' } } }, { code: 422, reason: 'Invalid' }],
      ['a bad label', 'POST', '/api/v1/namespaces', { body: { metadata: { name: 'x', labels: { 'a b': 'c' } } } }, { code: 422 }],
      ['a wrong type', 'POST', '/api/v1/namespaces/default/configmaps', { body: { metadata: { name: 'x' }, data: 'text' } }, { code: 400 }],
      [
        'a bad quantity',
        'POST',
        '/api/v1/namespaces/default/pods',
        { body: { metadata: { name: 'x' }, spec: { containers: [{ name: 'c', image: 'i', resources: { limits: { cpu: 'many' } } }] } } },
        { code: 400, message: expect.stringContaining('quantities must match the regular expression') },
      ],
      [
        'an unknown field, strictly',
        'POST',
        '/api/v1/namespaces/default/configmaps',
        { body: { metadata: { name: 'x' }, extra: 1 }, query: { fieldValidation: 'Strict' } },
        { code: 400, message: expect.stringContaining('strict decoding error: unknown field "extra"') },
      ],
      [
        'an unknown field validation',
        'POST',
        '/api/v1/namespaces/default/configmaps',
        { body: { metadata: { name: 'x' }, extra: 1 }, query: { fieldValidation: 'Maybe' } },
        { code: 422 },
      ],
      [
        'a resourceVersion on create',
        'POST',
        '/api/v1/namespaces/default/configmaps',
        { body: { metadata: { name: 'x', resourceVersion: '5' } } },
        { code: 400, message: 'resourceVersion should not be set on objects to be created' },
      ],
      ['a bad label selector', 'GET', '/api/v1/pods', { query: { labelSelector: 'a=(b' } }, { code: 400 }],
      [
        'a field that cannot be selected by',
        'GET',
        '/api/v1/pods',
        { query: { fieldSelector: 'spec.colour=red' } },
        { code: 400, message: 'field label not supported: spec.colour' },
      ],
      ['a bad limit', 'GET', '/api/v1/pods', { query: { limit: 'x' } }, { code: 400 }],
      ['a bad continue token', 'GET', '/api/v1/pods', { query: { continue: 'bm9uc2Vuc2U' } }, { code: 400 }],
      ['a bad revision', 'GET', '/api/v1/pods', { query: { resourceVersion: 'abc' } }, { code: 422 }],
      [
        'a match without a revision',
        'GET',
        '/api/v1/pods',
        { query: { resourceVersionMatch: 'Exact' } },
        { code: 422, message: expect.stringContaining('resourceVersionMatch is forbidden unless resourceVersion is provided') },
      ],
      [
        'an unknown patch type',
        'PATCH',
        '/api/v1/namespaces/default',
        { body: {}, contentType: 'application/json' },
        { code: 415, reason: 'UnsupportedMediaType' },
      ],
      [
        'a patch of the wrong shape',
        'PATCH',
        '/api/v1/namespaces/default',
        { body: {}, contentType: 'application/json-patch+json' },
        { code: 400 },
      ],
      [
        'an apply without a manager',
        'PATCH',
        '/api/v1/namespaces/default',
        { body: { apiVersion: 'v1', kind: 'Namespace' }, contentType: 'application/apply-patch+yaml' },
        { code: 422 },
      ],
      ['an unknown dryRun', 'POST', '/api/v1/namespaces', { body: { metadata: { name: 'x' } }, query: { dryRun: 'Some' } }, { code: 422 }],
      ['an unknown propagation policy', 'DELETE', '/api/v1/namespaces/x', { body: { propagationPolicy: 'Sideways' } }, { code: 422 }],
      ['a missing object', 'PUT', '/api/v1/namespaces/default/configmaps/none', { body: { metadata: { name: 'none' } } }, { code: 404 }],
      ['a subresource that the kind does not have', 'GET', '/api/v1/namespaces/default/configmaps/x/status', {}, { code: 404 }],
    ])('refuses %s', async (_, method, path, rest, expected) => {
      expect(await refusal(send(method, path, rest))).toMatchObject({ kind: 'Status', status: 'Failure', ...expected })
    })
  })
}
