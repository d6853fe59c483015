import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { eventually, startCluster, type Outcome, type TestCluster } from '../support/cluster.ts'

/** Commands that kubectl once had, by the command line, on a cluster whose containers are simulated. */
const manifest = (file: string) => fileURLToPath(new URL(`../../examples/manifests/${file}`, import.meta.url))
let cluster: TestCluster

beforeAll(async () => {
  cluster = await startCluster(['--runtime=simulated', '--influxdb=none'], 44)
  await cluster.kubectl('apply', '-f', manifest('pod-scaling-controller.yaml'))
})
afterAll(() => cluster?.remove())

const fast = ['--update-period=100ms', '--poll-interval=100ms', '--timeout=30s']
const field = async (path: string, ...what: readonly string[]) => (await cluster.kubectl('get', ...what, '-o', `jsonpath=${path}`)).stdout
const lines = ({ stdout }: Outcome) => stdout.trim().split('\n')

it('rolling-update by an image keeps the name', async () => {
  await cluster.kubectl('scale', 'rc/node-js-scale', '--replicas=2')
  await eventually('two', async () => ((await field('{.status.readyReplicas}', 'rc', 'node-js-scale')) === '2' ? true : undefined))
  const outcome = await cluster.binnacle('rolling-update', 'node-js-scale', '--image=jonbaier/pod-scaling:0.2', ...fast)
  expect(outcome.stderr).toBe('')
  const next = /^Created (node-js-scale-\w{32})$/.exec(lines(outcome)[0]!)![1]!
  expect(lines(outcome)).toEqual([
    `Created ${next}`,
    `Scaling up ${next} from 0 to 2, scaling down node-js-scale from 2 to 0 (keep 2 pods available, don't exceed 3 pods)`,
    `Scaling ${next} up to 1`,
    'Scaling node-js-scale down to 1',
    `Scaling ${next} up to 2`,
    'Scaling node-js-scale down to 0',
    'Update succeeded. Deleting old controller: node-js-scale',
    `Renaming ${next} to node-js-scale`,
    'replicationcontroller "node-js-scale" rolling updated',
  ])
  expect(await field('{.items[*].spec.containers[0].image}', 'pods')).toBe('jonbaier/pod-scaling:0.2 jonbaier/pod-scaling:0.2')
})

it('an image that is no name is rolled back from', async () => {
  const stuck = await cluster.binnacle('rolling-update', 'node-js-scale', '--image=No Name', ...fast, '--timeout=1s')
  expect(stuck).toMatchObject({ code: 1, stderr: 'error: timed out waiting for any update progress to be made\n' })
  const back = await cluster.binnacle('rolling-update', 'node-js-scale', '--rollback', ...fast)
  expect(lines(back)[0]).toBe('Setting "node-js-scale" replicas to 2')
  expect(lines(back).at(-1)).toBe('replicationcontroller "node-js-scale" rolling updated')
  expect(await field('{.items[*].metadata.name}', 'rc')).toBe('node-js-scale')
  expect(await field('{.status.readyReplicas}', 'rc', 'node-js-scale')).toBe('2')
})

it('stop ends what it names, with its pods, and says so', async () => {
  await cluster.kubectl(
    'apply',
    '-f',
    manifest('longtask.yaml'),
    '-f',
    manifest('node-js-deploy.yaml'),
    '-f',
    manifest('storage-memory.yaml'),
  )
  const stops = [
    ['-f', manifest('node-js-deploy.yaml')],
    ['rc', 'node-js-scale'],
    ['job/long-task', 'pod/memory-pd'],
  ]
  const outcomes = await Promise.all(stops.map((args) => cluster.binnacle('stop', ...args)))
  expect(outcomes.map(({ stderr }) => stderr)).toEqual(['', '', ''])
  expect(outcomes.flatMap(lines)).toEqual([
    'deployment "node-js-deploy" deleted',
    'replicationcontroller "node-js-scale" deleted',
    'job "long-task" deleted',
    'pod "memory-pd" deleted',
  ])
  expect((await cluster.kubectl('get', 'pods,rc,deployments,rs,jobs', '-o', 'name')).stdout).toBe('')
})

it.each([
  [['rolling-update'], 2, 'Must specify the controller to update'],
  [['rolling-update', 'x'], 2, 'Must specify --filename or --image for new controller'],
  [['rolling-update', 'x', '--rollback', '--image=i'], 2, "Don't specify --filename or --image on rollback"],
  [['rolling-update', 'x', '--image=i', '--update-period=soon'], 2, '--update-period: "soon" is not allowed'],
  [['rolling-update', 'x', '--image=i'], 1, 'Error from server (NotFound): replicationcontrollers "x" not found'],
  [['rolling-update', 'x', '-f', '/nowhere'], 1, 'replicationcontrollers "x" not found'],
  [['stop'], 2, 'say what to stop'],
  [['stop', 'rc', 'x'], 1, 'Error from server (NotFound): replicationcontrollers "x" not found'],
  [['stop', 'ships', 'x'], 2, `the server doesn't have a resource type "ships"`],
  [['stop', '-f', join('/nowhere', 'x.yaml')], 1, 'the path "/nowhere/x.yaml" cannot be read'],
])('%j is refused', async (args, code, message) => {
  const outcome = await cluster.binnacle(...args)
  expect(outcome.stderr).toContain(message)
  expect(outcome.code).toBe(code)
})
