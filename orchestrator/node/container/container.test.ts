import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { CoreV1Service } from '../../api/generated/kinds.ts'
import { testContainer, testPod } from '../pod/pod-fixtures.ts'
import { containerConfig } from './container-config.ts'
import { dnsConfigOf, formatHostNetworkHosts, formatHosts, innerNameOf, formatResolvConf, hostnameOf, parseResolvConf } from './dns.ts'
import { makeEnvironment } from './environment.ts'
import type { ConfigSource } from './environment.ts'
import { expandVariables } from './expansion.ts'
import { cgroupParentOf, containerResources, nodeCgroupPaths, qosClassOf } from './resources.ts'
import { serviceEnvironment } from './service-environment.ts'

const facts = { hostIp: '10.0.0.1', podIp: '10.0.0.5', allocatable: { cpu: '4', memory: '8Gi' } }
const noSource: ConfigSource = { configMap: async () => undefined, secret: async () => undefined }
const service = (name: string, namespace: string, clusterIP: string): CoreV1Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace },
  spec: {
    clusterIP,
    ports: [
      { name: 'http', port: 8080, protocol: 'TCP' },
      { name: 'dns', port: 53, protocol: 'UDP' },
    ],
  },
})

describe('variable expansion', () => {
  it.each([
    ['$(A)', '1'],
    ['x$(A)y$(B)', 'x1y$(B)'],
    ['$$(A)', '$(A)'],
    ['$$$(A)', '$1'],
    ['$(A', '$(A'],
    ['$', '$'],
    ['$A', '$A'],
    ['$(A)$(A)', '11'],
  ])('makes %s into %s', (text, expected) => {
    expect(expandVariables(text, (name) => (name === 'A' ? '1' : undefined))).toBe(expected)
  })

  it('leaves texts without references alone', () => {
    fc.assert(
      fc.property(
        fc.string().filter((text) => !text.includes('$')),
        (text) => {
          expect(expandVariables(text, () => 'x')).toBe(text)
        },
      ),
    )
  })
})

describe('a container environment', () => {
  const environmentOf = async (env: NonNullable<ReturnType<typeof testContainer>['env']>, more = {}, source = noSource) => {
    const container = testContainer('main', { env, ...more })
    const pod = testPod({ containers: [container], serviceAccountName: 'sa' }, { labels: { 'a/b': 'c' } })
    const services = [
      service('redis-master', 'default', '10.96.0.7'),
      service('other', 'elsewhere', '10.96.0.8'),
      service('kubernetes', 'default', '10.96.0.1'),
    ]
    return Object.fromEntries(await makeEnvironment({ pod, container, services, facts, source }))
  }

  it('knows the services of the namespace and of the API server', async () => {
    const environment = await environmentOf([])
    expect(environment).toMatchObject({
      REDIS_MASTER_SERVICE_HOST: '10.96.0.7',
      REDIS_MASTER_SERVICE_PORT: '8080',
      REDIS_MASTER_SERVICE_PORT_DNS: '53',
      REDIS_MASTER_PORT: 'tcp://10.96.0.7:8080',
      REDIS_MASTER_PORT_53_UDP_ADDR: '10.96.0.7',
      KUBERNETES_SERVICE_HOST: '10.96.0.1',
    })
    expect(environment).not.toHaveProperty('OTHER_SERVICE_HOST')
  })

  it('gives headless services no variables', () => {
    expect(serviceEnvironment([service('x', 'default', 'None')]).size).toBe(0)
  })

  it('expands what came before, services included', async () => {
    const environment = await environmentOf([
      { name: 'A', value: '1' },
      { name: 'B', value: '$(A)-$(REDIS_MASTER_SERVICE_HOST)-$(C)' },
      { name: 'C', value: 'late' },
    ])
    expect(environment['B']).toBe('1-10.96.0.7-$(C)')
  })

  it('reads fields and resources', async () => {
    const environment = await environmentOf(
      [
        { name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
        { name: 'LABEL', valueFrom: { fieldRef: { fieldPath: "metadata.labels['a/b']" } } },
        { name: 'CPU', valueFrom: { resourceFieldRef: { resource: 'limits.cpu' } } },
        { name: 'MILLI', valueFrom: { resourceFieldRef: { resource: 'requests.cpu', divisor: '1m' } } },
        { name: 'MIB', valueFrom: { resourceFieldRef: { resource: 'limits.memory', divisor: '1Mi' } } },
      ],
      { resources: { limits: { memory: '100Mi' }, requests: { cpu: '250m' } } },
    )
    expect(environment).toMatchObject({ IP: '10.0.0.5', LABEL: 'c', CPU: '4', MILLI: '250', MIB: '100' })
  })

  it('reads config maps and secrets, whole and by key', async () => {
    const source: ConfigSource = {
      configMap: async () => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: {}, data: { key: 'v', '1st': 'x' } }),
      secret: async () => ({ apiVersion: 'v1', kind: 'Secret', metadata: {}, data: { password: Buffer.from('s3').toString('base64') } }),
    }
    const environment = await environmentOf(
      [{ name: 'P', valueFrom: { secretKeyRef: { name: 's', key: 'password' } } }],
      { envFrom: [{ prefix: 'X_', configMapRef: { name: 'c' } }, { configMapRef: { name: 'c' } }] },
      source,
    )
    expect(environment).toMatchObject({ P: 's3', X_key: 'v', key: 'v', '1st': 'x' })
  })

  it('says which reference leads nowhere', async () => {
    const reference = { name: 's', key: 'password' }
    await expect(environmentOf([{ name: 'P', valueFrom: { secretKeyRef: reference } }])).rejects.toThrow('secret "s" not found')
    await expect(environmentOf([{ name: 'P', valueFrom: { secretKeyRef: { ...reference, optional: true } } }])).resolves.not.toHaveProperty(
      'P',
    )
  })
})

describe('resources', () => {
  const podWith = (resources: object) => testPod({ containers: [testContainer('main', { resources })] })
  it.each([
    [{}, 'BestEffort', 2, 1000],
    [{ requests: { cpu: '100m' } }, 'Burstable', 102, 999],
    [{ requests: { cpu: '500m', memory: '1Gi' } }, 'Burstable', 512, 875],
    [{ limits: { cpu: '1', memory: '1Gi' } }, 'Guaranteed', 1024, -997],
  ])('of %o are %s', (resources, qos, cpuShares, oomScoreAdjust) => {
    const pod = podWith(resources)
    expect(qosClassOf(pod)).toBe(qos)
    expect(containerResources(pod, pod.spec.containers[0]!, 8 * 1024 ** 3)).toMatchObject({ cpuShares, oomScoreAdjust })
  })

  it.each([
    [{ requests: { cpu: '1' } }, 'Burstable'],
    [{ limits: { cpu: '1', memory: '1Gi' } }, 'Guaranteed'],
  ])('of a pod as a whole, %o, go before those of its containers', (resources, qos) => {
    expect(qosClassOf({ ...podWith({}), spec: { ...podWith({}).spec, resources } })).toBe(qos)
  })

  it('turn limits into a quota and a memory limit', () => {
    const pod = podWith({ limits: { cpu: '250m', memory: '64Mi' } })
    expect(containerResources(pod, pod.spec.containers[0]!, 1e9)).toMatchObject({
      cpuQuotaMicroseconds: 25_000,
      cpuPeriodMicroseconds: 100_000,
      memoryBytes: 64 * 1024 ** 2,
    })
  })

  it('name the control group as the engine wants it', () => {
    const options = { clusterId: 'c1', nodeName: 'node-1', pod: testPod() }
    expect(cgroupParentOf({ ...options, driver: 'cgroupfs' })).toBe('/binnacle/c1/node-1/besteffort/poduid-1')
    expect(cgroupParentOf({ ...options, driver: 'systemd' })).toBe('binnacle-c1-node_1-besteffort-poduid_1.slice')
    expect(cgroupParentOf({ ...options, driver: 'none' })).toBeUndefined()
    const guaranteed = podWith({ limits: { cpu: '1', memory: '64Mi' } })
    expect(cgroupParentOf({ ...options, pod: guaranteed, driver: 'cgroupfs' })).toBe(`/binnacle/c1/node-1/pod${guaranteed.metadata.uid}`)
    expect(nodeCgroupPaths('c1', 'node-1')).toEqual(['/binnacle/c1/node-1', '/binnacle.slice/binnacle-c1.slice/binnacle-c1-node_1.slice'])
  })
})

describe('DNS', () => {
  const host = { nameservers: ['192.0.2.1'], searches: ['example.org'], options: [] }
  const of = (spec: object) => dnsConfigOf({ pod: testPod(spec), clusterDns: ['10.96.0.10'], clusterDomain: 'cluster.local', host })

  it('is the cluster first', () => {
    expect(formatResolvConf(of({}))).toBe(
      'search default.svc.cluster.local svc.cluster.local cluster.local example.org\nnameserver 10.96.0.10\noptions ndots:5\n',
    )
  })

  it.each([
    ['Default', {}, ['192.0.2.1']],
    ['ClusterFirst', { hostNetwork: true }, ['192.0.2.1']],
    ['ClusterFirstWithHostNet', { hostNetwork: true }, ['10.96.0.10']],
    ['None', { dnsConfig: { nameservers: ['1.1.1.1'] } }, ['1.1.1.1']],
  ])('follows policy %s with %o', (dnsPolicy, spec, nameservers) => {
    expect(of({ dnsPolicy, ...spec }).nameservers).toEqual(nameservers)
  })

  it('lets the pod add options', () => {
    expect(of({ dnsConfig: { options: [{ name: 'ndots', value: '2' }, { name: 'edns0' }] } }).options).toEqual(['ndots:2', 'edns0'])
  })

  it('reads what it writes', () => {
    const config = { nameservers: ['1.1.1.1', '::1'], searches: ['a', 'b'], options: ['ndots:5'] }
    expect(parseResolvConf(formatResolvConf(config))).toEqual(config)
  })

  it('names the pod in its hosts file', () => {
    const pod = testPod({ hostname: 'db', subdomain: 'sts', hostAliases: [{ ip: '1.2.3.4', hostnames: ['x', 'y'] }] })
    expect(hostnameOf(pod, 'cluster.local')).toEqual({ hostname: 'db', domainname: 'sts.default.svc.cluster.local' })
    const hosts = formatHosts(pod, '10.0.0.5', 'cluster.local')
    expect(hosts).toContain('10.0.0.5\tdb.sts.default.svc.cluster.local\tdb')
    expect(hosts).toContain('1.2.3.4\tx\ty')
  })

  it('adds to the machine’s hosts file for a pod in its network', () => {
    const pod = testPod({ hostNetwork: true, hostAliases: [{ ip: '1.2.3.4', hostnames: ['x'] }] })
    expect(formatHostNetworkHosts(pod, '127.0.0.1 localhost\n')).toBe(
      '# Kubernetes-managed hosts file (host network).\n127.0.0.1 localhost\n\n# Entries added by HostAliases.\n1.2.3.4\tx\n',
    )
  })

  it('is in the name of a pod that asks for it, as far as the kernel has room', () => {
    const pod = (hostname: string) => testPod({ hostname, subdomain: 'sts', setHostnameAsFQDN: true })
    expect(innerNameOf(pod('db'), 'cluster.local')).toEqual({ hostname: 'db.sts.default.svc.cluster.local' })
    expect(() => innerNameOf(pod('d'.repeat(40)), 'cluster.local')).toThrow(
      'is too long (64 characters is the max, 70 characters requested)',
    )
    expect(innerNameOf(testPod({ hostname: 'db', setHostnameAsFQDN: true }), 'cluster.local')).toEqual({ hostname: 'db' })
  })
})

describe('a container configuration', () => {
  const configOf = (container: object, pod: object = {}, user = '', targetId?: string) => {
    const spec = testContainer('main', container)
    return containerConfig({
      owner: { clusterId: 'c', nodeName: 'n' },
      pod: testPod({ containers: [spec], ...pod }),
      container: spec,
      attempt: 0,
      sandboxId: 's0',
      targetId,
      image: { id: 'sha256:1', tags: [], digests: [], sizeBytes: 0, user },
      environment: new Map([['A', '1']]),
      mounts: [],
      devices: [],
      machine: {
        version: '',
        architecture: 'amd64',
        cgroupDriver: 'cgroupfs',
        cgroupVersion: 1,
        hasRecursiveReadOnly: false,
        kernelVersion: '',
        osImage: '',
        cpus: 1,
        memoryBytes: 1,
      },
    })
  }

  it('sees the processes of its target, unless the whole pod shares them', () => {
    expect(configOf({}).pidNamespace).toBe('own')
    expect(configOf({}, {}, '', 'c1').pidNamespace).toEqual({ containerId: 'c1' })
    expect(configOf({}, { shareProcessNamespace: true }, '', 'c1').pidNamespace).toBe('sandbox')
  })

  it('expands commands and arguments', () => {
    expect(configOf({ command: ['run', '$(A)'], args: ['$(B)'] })).toMatchObject({ command: ['run', '1'], args: ['$(B)'] })
  })

  it('takes users from the container, then the pod, then the image', () => {
    expect(configOf({ securityContext: { runAsUser: 5 } }, { securityContext: { runAsUser: 6, runAsGroup: 7 } }).security.user).toBe('5:7')
    expect(configOf({}, { securityContext: { runAsUser: 6 } }).security.user).toBe('6')
    expect(configOf({}).security.user).toBeUndefined()
  })

  it.each([
    ['', /image will run as root/],
    ['app', /non-numeric user \(app\)/],
  ])('refuses an image of user "%s" where root is forbidden', (user, message) => {
    expect(() => configOf({ securityContext: { runAsNonRoot: true } }, {}, user)).toThrow(message)
  })
})
