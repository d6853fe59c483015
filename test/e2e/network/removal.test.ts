import { afterAll, beforeAll, expect, test } from 'vitest'
import { silentLog } from '../../../lib/log.ts'
import { removeNetworkRules } from '../../../orchestrator/network/removal.ts'
import { clusterId, fetchText, nameIn, run, serviceCidr, startBridgeCluster, table, until } from './bridge-cluster.ts'
import type { BridgeCluster, TestPod } from './bridge-cluster.ts'

let cluster: BridgeCluster
let pod: TestPod
const url = 'http://10.202.129.1/json'
const answers = async () => nameIn(await fetchText(url)) === 'pod-a'

beforeAll(async () => {
  cluster = await startBridgeCluster()
  pod = await cluster.pod('pod-a')
  await cluster.service('web', { clusterIP: '10.202.129.1', type: 'LoadBalancer', sessionAffinity: 'ClientIP' })
  await cluster.endpoints('web', [{ pod }])
  await until(answers)
})

afterAll(() => cluster.stop())

const handleOf = async () =>
  /"table": {"family": "ip", "name": "[^"]+", "handle": (\d+)}/.exec((await run('nft', ['-j', 'list', 'table', 'ip', table])).stdout)?.[1]

async function traces(): Promise<readonly string[]> {
  const [tables, permits, routes] = await Promise.all([
    run('nft', ['list', 'tables']),
    run('iptables', ['-S', 'DOCKER-USER']),
    run('ip', ['route', 'show', serviceCidr]),
  ])
  return [tables.stdout, permits.stdout, routes.stdout]
    .join('\n')
    .split('\n')
    .filter((line) => line.includes(clusterId))
}

test('a restart takes over the rules it finds: the table stays and serves all the time', async () => {
  const before = await handleOf()
  expect(before).toBeDefined()
  const restarted = cluster.restart()
  expect(await answers()).toBe(true)
  await restarted
  expect(await answers()).toBe(true)
  expect(await handleOf()).toBe(before)
})

test('a restart repairs what somebody broke', async () => {
  await cluster.network.stop()
  await run('nft', ['flush', 'map', 'ip', table, 'services'])
  await run('nft', ['add', 'rule', 'ip', table, 'prerouting', 'counter'])
  expect(await answers()).toBe(false)
  await cluster.restart()
  await until(answers)
  expect((await run('nft', ['list', 'chain', 'ip', table, 'prerouting'])).stdout).not.toContain('counter')
})

test('removal leaves no rule, route or chain of the cluster, nothing of others is touched, and twice is no error', async () => {
  await run('nft', ['add', 'table', 'ip', 'somebody-else'])
  await until(async () => (await traces()).length >= 3)
  await cluster.network.stop()
  // Also when it broke off halfway: a table that no plan would make.
  await run('nft', ['delete', 'chain', 'ip', table, 'filter-output'])
  await removeNetworkRules({ clusterId, log: silentLog })
  await removeNetworkRules({ clusterId, log: silentLog })
  expect(await traces()).toEqual([])
  expect((await run('nft', ['list', 'tables'])).stdout).toContain('table ip somebody-else')
  await run('nft', ['delete', 'table', 'ip', 'somebody-else'])
  expect(await answers()).toBe(false)
})
