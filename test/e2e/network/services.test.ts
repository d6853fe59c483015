import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CoreV1Pod, NetworkingV1NetworkPolicy } from '../../../orchestrator/api/generated/kinds.ts'
import { countAnswers, fetchText, nameIn, run, startBridgeCluster, table, until } from './bridge-cluster.ts'
import type { BridgeCluster, TestPod } from './bridge-cluster.ts'

let cluster: BridgeCluster
let a: TestPod
let b: TestPod
let c: TestPod

beforeAll(async () => {
  cluster = await startBridgeCluster()
  ;[a, b, c] = await Promise.all([cluster.pod('pod-a'), cluster.pod('pod-b'), cluster.pod('pod-c')])
  // With it the host's own address changes, by which endpoints know it.
  await until(async () => (await run('ip', ['route', 'get', '10.202.129.1'])).stdout.includes('src 10.202.0.1'))
})

afterAll(() => cluster.stop())

/** Waits for the rules of a service: it answers, or refuses, as expected. */
async function untilAnswers(url: string, isExpected: (answer: string) => boolean): Promise<void> {
  await until(async () => isExpected(await fetchText(url)))
}

describe('a cluster IP', () => {
  const url = 'http://10.202.129.1/json'

  beforeAll(async () => {
    await cluster.service('web', { clusterIP: '10.202.129.1' })
    await cluster.endpoints('web', [{ pod: a }, { pod: b }, { pod: c, ready: false }])
    await untilAnswers(url, (answer) => nameIn(answer).startsWith('pod-'))
  })

  test('is spread over the ready endpoints from the host, and one that is not ready gets nothing', async () => {
    const counts = await countAnswers(url, 200)
    // 200 fair coins: 60 is 5.7 standard deviations below the mean.
    expect(counts.get('pod-a')).toBeGreaterThan(60)
    expect(counts.get('pod-b')).toBeGreaterThan(60)
    expect([...counts.keys()].sort()).toEqual(['pod-a', 'pod-b'])
  })

  test('is spread over the ready endpoints from another pod by name', async () => {
    const answers = await c.sh('for i in $(seq 100); do wget -q -O- http://web/json; done')
    const names = answers.split('\n').map(nameIn)
    expect(names.filter((name) => name === 'pod-a').length).toBeGreaterThan(20)
    expect(names.filter((name) => name === 'pod-b').length).toBeGreaterThan(20)
    expect(names.filter((name) => name === 'pod-c')).toEqual([])
  })

  test('gives an endpoint traffic once it is ready and none once it is gone', async () => {
    await cluster.endpoints('web', [{ pod: c }])
    await untilAnswers(url, (answer) => nameIn(answer) === 'pod-c')
    expect([...(await countAnswers(url, 20)).keys()]).toEqual(['pod-c'])
  })

  test('leads a pod to itself when it is the only endpoint', async () => {
    await cluster.endpoints('web', [{ pod: a }])
    await untilAnswers(url, (answer) => nameIn(answer) === 'pod-a')
    expect(nameIn(await a.sh('curl -s -m 3 http://web/json'))).toBe('pod-a')
  })

  test('refuses at once when there is no ready endpoint, and for a port that nobody offers', async () => {
    await cluster.endpoints('web', [{ pod: a, ready: false }])
    await untilAnswers(url, (answer) => answer === 'ECONNREFUSED')
    expect(await b.sh('curl -s -m 3 http://10.202.129.1/json')).toContain('ECONNREFUSED')
    expect(await fetchText('http://10.202.129.1:81/')).toBe('ECONNREFUSED')
    expect(await b.sh('curl -s -m 3 http://10.202.200.200/')).toContain('ECONNREFUSED')
  })
})

describe('session affinity', () => {
  const url = 'http://10.202.129.2/json'

  test('keeps a client with its endpoint while others come, and moves it when that one goes', async () => {
    await cluster.service('sticky', { clusterIP: '10.202.129.2', sessionAffinity: 'ClientIP' })
    await cluster.endpoints('sticky', [{ pod: a }, { pod: b }])
    await untilAnswers(url, (answer) => nameIn(answer).startsWith('pod-'))
    const [first, ...others] = [...(await countAnswers(url, 30)).keys()]
    expect(others).toEqual([])
    await cluster.endpoints('sticky', [{ pod: a }, { pod: b }, { pod: c }])
    expect([...(await countAnswers(url, 30)).keys()]).toEqual([first])
    const rest = [a, b, c].filter(({ name }) => name !== first)
    await cluster.endpoints(
      'sticky',
      rest.map((pod) => ({ pod })),
    )
    await untilAnswers(url, (answer) => nameIn(answer) !== first && nameIn(answer).startsWith('pod-'))
    const second = [...(await countAnswers(url, 30)).keys()]
    expect(second).toHaveLength(1)
    expect(rest.map(({ name }) => name)).toContain(second[0])
  })

  test('ends after its time', async () => {
    const brief = 'http://10.202.129.3/json'
    const sessionAffinityConfig = { clientIP: { timeoutSeconds: 1 } }
    await cluster.service('brief', { clusterIP: '10.202.129.3', sessionAffinity: 'ClientIP', sessionAffinityConfig })
    await cluster.endpoints('brief', [{ pod: a }, { pod: b }])
    await untilAnswers(brief, (answer) => nameIn(answer).startsWith('pod-'))
    const seen = new Set<string>()
    await until(async () => {
      seen.add(nameIn(await fetchText(brief)))
      // Longer than the affinity lasts, so that each request chooses anew.
      await new Promise((resolve) => setTimeout(resolve, 1_300))
      return seen.size === 2
    })
    expect([...seen].sort()).toEqual(['pod-a', 'pod-b'])
  })
})

describe('node ports and external addresses', () => {
  const other = 'e2enet01-other'

  beforeAll(async () => {
    await cluster.service('outside', {
      clusterIP: '10.202.129.4',
      type: 'NodePort',
      ports: [{ port: 80, protocol: 'TCP', nodePort: 31_080 }],
      externalIPs: ['198.51.100.7'],
    })
    await cluster.endpoints('outside', [{ pod: a }, { pod: b }])
    await untilAnswers(`http://10.202.0.1:31080/json`, (answer) => nameIn(answer).startsWith('pod-'))
    await run('ip', ['netns', 'add', other])
    await run('ip', ['link', 'add', 'e2enet01-h', 'type', 'veth', 'peer', 'name', 'e2enet01-o', 'netns', other])
    await run('ip', ['addr', 'add', '172.31.202.1/30', 'dev', 'e2enet01-h'])
    await run('ip', ['link', 'set', 'e2enet01-h', 'up'])
    await run('ip', ['-n', other, 'addr', 'add', '172.31.202.2/30', 'dev', 'e2enet01-o'])
    await run('ip', ['-n', other, 'link', 'set', 'e2enet01-o', 'up'])
    await run('ip', ['-n', other, 'route', 'add', 'default', 'via', '172.31.202.1'])
  })

  afterAll(async () => {
    await run('ip', ['netns', 'del', other])
  })

  const fromOther = async (url: string) => {
    const { stdout } = await run('ip', [
      'netns',
      'exec',
      other,
      process.execPath,
      '-e',
      `
      fetch(${JSON.stringify(url)}, { signal: AbortSignal.timeout(3000) }).then((r) => r.text()).then(console.log, (e) => console.log(e.cause?.code ?? e.name))`,
    ])
    return nameIn(stdout.trim())
  }

  test('are reached from the host', async () => {
    expect(nameIn(await fetchText('http://172.31.202.1:31080/json'))).toMatch(/^pod-[ab]$/)
    expect(nameIn(await fetchText('http://198.51.100.7/json'))).toMatch(/^pod-[ab]$/)
  })

  test('are reached from another host, through what Docker drops by itself', async () => {
    // The rule in Docker's chain is looked at every few seconds.
    await until(async () => (await run('iptables', ['-S', 'DOCKER-USER'])).stdout.includes('binnacle-e2enet01'))
    expect(await fromOther('http://172.31.202.1:31080/json')).toMatch(/^pod-[ab]$/)
    expect(await fromOther('http://198.51.100.7/json')).toMatch(/^pod-[ab]$/)
  })

  test('refuse when there is no endpoint', async () => {
    await cluster.endpoints('outside', [])
    await untilAnswers('http://172.31.202.1:31080/json', (answer) => answer === 'ECONNREFUSED')
    expect(await fromOther('http://172.31.202.1:31080/json')).toBe('ECONNREFUSED')
    expect(await fromOther('http://198.51.100.7/json')).toBe('ECONNREFUSED')
  })
})

describe('network policies', () => {
  const service = '10.202.129.5'
  const reaches = async (pod: TestPod, address: string) =>
    nameIn(await pod.sh(`printf 'GET /json HTTP/1.0\\r\\n\\r\\n' | nc -w 1 ${address} 80`)).startsWith('pod-')
  const hasTable = async () => (await run('nft', ['list', 'tables'])).stdout.includes(`${table}-policies`)
  const tell = ({ name, address }: TestPod) =>
    cluster.client.create(CoreV1Pod, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: 'default', labels: { app: name } },
      spec: { nodeName: 'node-1', containers: [{ name: 'main', ports: [{ name: 'http', containerPort: 80 }] }] },
      status: { phase: 'Running', podIP: address },
    })
  const apply = (name: string, spec: NetworkingV1NetworkPolicy['spec']) =>
    cluster.client.create(NetworkingV1NetworkPolicy, {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { name, namespace: 'default' },
      spec,
    })
  const selecting = (pod: TestPod) => ({ podSelector: { matchLabels: { app: pod.name } } })

  beforeAll(async () => {
    await cluster.service('guarded', { clusterIP: service })
    await cluster.endpoints('guarded', [{ pod: a }])
    await Promise.all([a, b, c].map(tell))
    await untilAnswers(`http://${service}/json`, (answer) => nameIn(answer) === 'pod-a')
  })

  test('let in whom they name, by address and through a Service, and the host', async () => {
    expect([await hasTable(), await reaches(c, a.address)]).toEqual([false, true])
    await apply('into-a', { ...selecting(a), policyTypes: ['Ingress'], ingress: [{ from: [selecting(b)], ports: [{ port: 'http' }] }] })
    await until(async () => !(await reaches(c, a.address)))
    const answers = [reaches(b, a.address), reaches(b, service), reaches(c, service), reaches(a, service), reaches(a, c.address)]
    expect(await Promise.all(answers)).toEqual([true, true, false, true, true])
    expect([nameIn(await fetchText(`http://${a.address}/json`)), nameIn(await fetchText(`http://${service}/json`))]).toEqual([
      'pod-a',
      'pod-a',
    ])
  })

  test('let out where they say, and always to the DNS of the host', async () => {
    await cluster.endpoints('web', [{ pod: c }])
    await apply('out-of-b', { ...selecting(b), policyTypes: ['Egress'], egress: [{ to: [selecting(c)] }] })
    await until(async () => !(await reaches(b, a.address)))
    await until(async () => nameIn(await b.sh('curl -s -m 5 http://web/json')) === 'pod-c')
    expect(await reaches(c, b.address)).toBe(true)
  })

  test('let nothing through to an address before it is known whose it is', async () => {
    await cluster.client.delete(CoreV1Pod, { namespace: 'default', name: c.name }, { gracePeriodSeconds: 0 })
    await until(async () => !(await reaches(a, c.address)))
    await tell(c)
    await until(() => reaches(a, c.address))
    expect(await reaches(c, a.address)).toBe(false)
  })

  test('hold while nobody sees to them, and leave no table when the last one goes', async () => {
    await cluster.restart()
    expect(await reaches(c, a.address)).toBe(false)
    for (const name of ['into-a', 'out-of-b']) await cluster.client.delete(NetworkingV1NetworkPolicy, { namespace: 'default', name })
    await until(async () => !(await hasTable()))
    expect(await Promise.all([reaches(c, a.address), reaches(b, a.address)])).toEqual([true, true])
  })
})
