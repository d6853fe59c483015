import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually, type Outcome } from '../support/cluster.ts'
import { makeHosts, type TestHost, type TestHosts } from '../support/hosts.ts'
import { importShellImage } from './node/shell-image.ts'

const image = 'binnacle-test/shell:hosts'
const graceSeconds = 15
/** A node renews its lease every ten seconds: what it has told last may be that much younger. */
const noticeMs = (graceSeconds + 5) * 1000

const container = (script: string) => `
      terminationGracePeriodSeconds: 1
      tolerations: [{key: node.kubernetes.io/unreachable, operator: Exists, effect: NoExecute, tolerationSeconds: 1}]
      containers:
      - name: main
        image: ${image}
        imagePullPolicy: IfNotPresent
        command: [sh, -c, '${script}']
        env: [{name: NODE, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}]`

const manifest = `
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:${container('echo $NODE > /www/index.html; echo hello from $NODE; exec httpd -f -v -p 80 -h /www')}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {type: NodePort, selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: stateless}
spec:
  replicas: 2
  selector: {matchLabels: {app: stateless}}
  template:
    metadata: {labels: {app: stateless}}
    spec:${container('exec httpd -f -p 80')}
      topologySpreadConstraints:
      - {maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: ScheduleAnyway, labelSelector: {matchLabels: {app: stateless}}}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: stateful}
spec:
  serviceName: stateful
  replicas: 1
  selector: {matchLabels: {app: stateful}}
  template:
    metadata: {labels: {app: stateful}}
    spec:${container('exec httpd -f -p 80')}
      affinity:
        nodeAffinity:
          preferredDuringSchedulingIgnoredDuringExecution:
          - {weight: 100, preference: {matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [beta]}]}}
`

interface PodJson {
  readonly metadata: { readonly name: string; readonly uid: string; readonly deletionTimestamp?: string }
  readonly spec: { readonly nodeName?: string }
  readonly status: { readonly phase: string; readonly podIP?: string }
}

const policy = `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
  - from: [{podSelector: {matchLabels: {app: web}}}]
    ports: [{port: 80}]`

describe('two hosts', () => {
  let machine: TestHosts
  let alpha: TestHost
  let beta: TestHost
  let join: readonly string[]

  beforeAll(async () => {
    machine = await makeHosts()
    ;[alpha, beta] = machine.hosts
    await Promise.all(machine.hosts.map(({ dockerUrl }) => importShellImage(image, dockerUrl)))
    const flags = ['--node-name=alpha', '--runtime=docker', '--influxdb=none', '--resolution=1']
    const started = await alpha.binnacle(
      'start',
      '--detach',
      ...flags,
      `--docker-host=${alpha.dockerUrl}`,
      `--advertise-address=${alpha.address}`,
      `--node-monitor-grace-period=${graceSeconds}`,
    )
    if (started.code !== 0) throw new Error(`the cluster did not start:\n${started.stdout}${started.stderr}`)
  })
  afterAll(() => machine?.remove())

  const succeed = async (what: Promise<Outcome>): Promise<string> => {
    const { code, stdout, stderr } = await what
    expect({ code, stderr: code === 0 ? '' : stderr + stdout }).toEqual({ code: 0, stderr: '' })
    return stdout.trim()
  }
  const podsOf = async (app: string): Promise<readonly PodJson[]> =>
    (JSON.parse(await succeed(machine.kubectl('get', 'pods', '-l', `app=${app}`, '-o', 'json'))) as { items: PodJson[] }).items
  const podOn = async (app: string, node: string) => (await podsOf(app)).find(({ spec }) => spec.nodeName === node)!
  /** What a web server answers to a pod, asked with busybox; the address is a name, a pod's or a Service's. */
  const fetchFrom = (pod: PodJson, address: string) =>
    succeed(
      machine.kubectl(
        'exec',
        pod.metadata.name,
        '--',
        'sh',
        '-c',
        `printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 3 ${address} 80 | grep -v : | grep a`,
      ),
    )
  const readyOf = async (node: string) =>
    (await machine.kubectl('get', 'node', node, '-o', 'jsonpath={.status.conditions[?(@.type=="Ready")].status}')).stdout
  const startBeta = (...more: readonly string[]) =>
    beta.binnacle('node', '--detach', '--runtime=docker', `--docker-host=${beta.dockerUrl}`, ...more)
  const createToken = async (...flags: readonly string[]) =>
    (await succeed(alpha.binnacle('token', 'create', ...flags))).split(' ').slice('npx binnacle node'.split(' ').length)

  it.each([
    ['a token whose time is over', 'the cluster knows no token', (given: string[]) => given, '--ttl=1s'],
    ['a wrong secret', 'the secret half of token', (given: string[]) => given.with(3, `${given[3]!.slice(0, 22)}x`), '--ttl=1m'],
    ['the hash of another authority', '--ca-hash: ', (given: string[]) => given.with(5, `sha256:${'0'.repeat(64)}`), '--ttl=1m'],
  ])('do not join with %s', async (_, message, change, ttl) => {
    const given = change(await createToken(ttl))
    if (ttl === '--ttl=1s') {
      const list = () => alpha.binnacle('token', 'list')
      await eventually('the token to go', async () => ((await list()).stdout.includes(given[3]!.slice(0, 6)) ? undefined : true), 5_000)
    }
    const { code, stderr } = await startBeta('--name=beta', ...given)
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining(message) })
    expect(stderr).not.toContain(given[3])
  })

  it('are one cluster after one command', async () => {
    join = await createToken('--description=beta')
    await succeed(startBeta('--name=beta', ...join))
    expect(await readyOf('beta')).toBe('True')
    const ranges = await succeed(machine.kubectl('get', 'nodes', '-o', 'jsonpath={.items[*].spec.podCIDR}'))
    expect(ranges.split(' ').toSorted()).toEqual(['10.244.0.0/24', '10.244.1.0/24'])
    expect(await succeed(machine.kubectl('get', 'node', 'beta', '-o', 'jsonpath={.status.addresses[0].address}'))).toBe(beta.address)
  })

  it("reach each other's pods, by address with their own, by Service and by name", async () => {
    await succeed(machine.kubectlWith(manifest, 'apply', '-f', '-'))
    await succeed(machine.kubectl('rollout', 'status', 'ds/web', '--timeout=60s'))
    const [here, there] = [await podOn('web', 'alpha'), await podOn('web', 'beta')]
    await eventually('routes', async () => ((await fetchFrom(here, there.status.podIP!)) === 'beta' ? true : undefined), 10_000)
    expect(await fetchFrom(there, here.status.podIP!)).toBe('alpha')
    expect(await succeed(machine.kubectl('logs', there.metadata.name))).toContain(`${here.status.podIP}]`)
    // Not through the Service of both: which one answers is chance, and a pod that asks itself is another matter.
    for (const [from, to] of [
      [here, there],
      [there, here],
    ] as const) {
      const name = `only-${to.spec.nodeName}`
      await succeed(machine.kubectl('label', 'pod', to.metadata.name, `only=${name}`))
      await succeed(machine.kubectl('create', 'service', 'clusterip', name, '--tcp=80'))
      await succeed(machine.kubectl('set', 'selector', `service/${name}`, `only=${name}`))
      await eventually(
        'the Service',
        async () => (await fetchFrom(from, `${name}.default.svc.cluster.local`)) === to.spec.nodeName || undefined,
        10_000,
      )
    }
  })

  it('answer at node ports for pods of each other', async () => {
    const port = await succeed(machine.kubectl('get', 'service', 'web', '-o', 'jsonpath={.spec.ports[0].nodePort}'))
    const answers = new Set<string>()
    await eventually(
      'both pods to answer',
      async () => {
        answers.add((await beta.run('curl', '-s', '-m', '3', `http://${alpha.address}:${port}/`)).stdout.trim())
        return answers.size === 2 ? true : undefined
      },
      20_000,
    )
    expect([...answers].toSorted()).toEqual(['alpha', 'beta'])
  })

  it("hold their pods to policies about each other's", async () => {
    await succeed(machine.kubectlWith(policy, 'apply', '-f', '-'))
    const [here, there, stranger] = [await podOn('web', 'alpha'), await podOn('web', 'beta'), await podOn('stateless', 'alpha')]
    const ask = (pod: PodJson) =>
      machine.kubectl('exec', pod.metadata.name, '--', 'sh', '-c', `printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 1 ${there.status.podIP} 80`)
    await eventually('the policy', async () => ((await ask(stranger)).stdout === '' ? true : undefined), 10_000)
    expect((await ask(here)).stdout).toContain('beta')
    await succeed(machine.kubectl('delete', 'networkpolicy', 'web'))
    await eventually('the end of the policy', async () => (await ask(stranger)).stdout.includes('beta') || undefined, 10_000)
  })

  it('show logs, commands, ports and figures of the pods of both', async () => {
    const { name } = (await podOn('web', 'beta')).metadata
    expect(await succeed(machine.kubectl('logs', name, '--tail=20'))).toContain('hello from beta')
    expect(await succeed(machine.kubectl('exec', name, '--', 'sh', '-c', 'echo $NODE'))).toBe('beta')
    const forward = machine.spawnKubectl('port-forward', name, '18080:80')
    try {
      const fetched = async () => (await alpha.run('curl', '-s', '-m', '2', 'http://127.0.0.1:18080/')).stdout.trim() || undefined
      expect(await eventually('the forwarded port', fetched, 10_000)).toBe('beta')
    } finally {
      forward.kill()
    }
    await eventually('figures of both', async () => {
      const { stdout } = await machine.kubectl('top', 'node', '--no-headers')
      return /alpha +\d+m/.test(stdout) && /beta +\d+m/.test(stdout) ? true : undefined
    })
  })

  it('lose one: its pods run elsewhere but for the one that may still be there', async () => {
    await succeed(machine.kubectl('rollout', 'status', 'statefulset/stateful', '--timeout=60s'))
    await succeed(machine.kubectl('rollout', 'status', 'deployment/stateless', '--timeout=60s'))
    const [before] = await podsOf('stateful')
    expect(before!.spec.nodeName).toBe('beta')
    await beta.crash()
    await eventually('the node to be missed', async () => ((await readyOf('beta')) === 'Unknown' ? true : undefined), noticeMs)
    await eventually(
      'the pods to be replaced',
      async () => {
        const pods = (await podsOf('stateless')).filter(({ metadata }) => metadata.deletionTimestamp === undefined)
        return pods.length === 2 && pods.every(({ spec, status }) => spec.nodeName === 'alpha' && status.phase === 'Running')
          ? true
          : undefined
      },
      20_000,
    )
    const after = await podsOf('stateful')
    expect(after.map(({ metadata }) => metadata.uid)).toEqual([before!.metadata.uid])
    expect(after[0]!.metadata.deletionTimestamp).toBeDefined()
  })

  it('are two again when it comes back, without a token, and nothing runs twice', async () => {
    const [before] = await podsOf('stateful')
    await beta.startEngine()
    await succeed(startBeta())
    await eventually('the node to be back', async () => ((await readyOf('beta')) === 'True' ? true : undefined), 20_000)
    const after = await eventually('the pod to be replaced', async () => {
      const [pod] = await podsOf('stateful')
      return pod?.metadata.uid !== before!.metadata.uid && pod?.status.phase === 'Running' ? pod : undefined
    })
    const filter = ['--filter', 'label=io.kubernetes.pod.name=stateful-0', '--format={{.Label "io.kubernetes.pod.uid"}}']
    const running = await Promise.all(machine.hosts.map(({ dockerUrl }) => alpha.run('docker', '--host', dockerUrl, 'ps', ...filter)))
    expect(new Set(running.flatMap(({ stdout }) => stdout.split('\n').filter((line) => line !== '')))).toEqual(
      new Set([after.metadata.uid]),
    )
  })

  it('stay two when the Node of one is deleted: it is registered again with the range that it had', async () => {
    const rangeOf = async () =>
      (await machine.kubectl('get', 'node', 'beta', '-o', 'jsonpath={.metadata.uid} {.spec.podCIDR}')).stdout.split(' ')
    const [uid, range] = await rangeOf()
    await succeed(machine.kubectl('delete', 'node', 'beta'))
    await eventually('the node to be back', async () => ((await readyOf('beta')) === 'True' ? true : undefined), 20_000)
    expect(await rangeOf()).toEqual([expect.not.stringContaining(uid!), range])
  })

  it('let one go for good: it is drained and leaves nothing on its host', async () => {
    await succeed(alpha.binnacle('node', 'remove', 'beta', '--timeout=30s'))
    expect((await machine.kubectl('get', 'node', 'beta')).code).toBe(1)
    await eventually('the host to leave', async () => ((await beta.binnacle('status')).code === 3 ? true : undefined), 30_000)
    const left = await beta.run('docker', '--host', beta.dockerUrl, 'ps', '-aq')
    expect([left.stdout, (await beta.run('ip', 'route', 'show', 'proto', '198')).stdout]).toEqual(['', ''])
    expect((await startBeta()).stderr).toContain('was removed from the cluster')
  })

  it('grow and shrink by nodes of one host while they run', async () => {
    expect(await succeed(alpha.binnacle('node', 'add', '--runtime=docker'))).toBe('node/alpha-2 added')
    await succeed(machine.kubectl('rollout', 'status', 'ds/web', '--timeout=60s'))
    expect((await podOn('web', 'alpha-2')).status.phase).toBe('Running')
    expect(await succeed(alpha.binnacle('node', 'remove', 'alpha-2'))).toContain('node/alpha-2 removed')
    const { stdout } = await alpha.run('docker', '--host', alpha.dockerUrl, 'ps', '-aq', '--filter', 'label=binnacle.node=alpha-2')
    expect(stdout).toBe('')
    expect((await machine.kubectl('get', 'nodes', '-o', 'name')).stdout.trim()).toBe('node/alpha')
  })

  it('leave no route and no rule behind', async () => {
    await succeed(alpha.binnacle('down'))
    const rules = await alpha.run('iptables-save')
    expect(rules.stdout).not.toContain('binnacle')
    expect((await alpha.run('ip', 'route', 'show', 'proto', '198')).stdout).toBe('')
    expect((await alpha.run('nft', 'list', 'tables')).stdout).not.toContain('binnacle')
  })
})
