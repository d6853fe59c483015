import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually, startCluster, type TestCluster } from '../support/cluster.ts'

/** Every manifest of the examples as it is: each comes to what it is meant to, or waits and says for what. */
const folder = fileURLToPath(new URL('../../examples/manifests', import.meta.url))
/** Two services of one name, for two kinds of clusters: the second goes elsewhere. */
const elsewhere = 'jenkins-service-gke.yml'
const manifests = readdirSync(folder).filter((file) => /\.ya?ml$/.test(file) && file !== elsewhere)
/** For `create`, not `apply`: the first version of the API had no metadata for kubectl to look at. The one that names no kind is for `--raw`. */
const firstVersion = readdirSync(join(folder, 'v1beta1')).filter((file) => file !== 'redis.json')

let cluster: TestCluster
const refused: string[] = []

/** What kubectl printed, or `undefined` and the complaint on the list. */
async function submit(...args: readonly string[]): Promise<void> {
  const { stderr, code } = await cluster.kubectl(...args)
  if (code !== 0 || stderr.includes('Warning')) refused.push(`${args.join(' ')}: ${stderr}`)
}

beforeAll(async () => {
  cluster = await startCluster(['--runtime=simulated', '--influxdb=none', '--nodes=3'], 44)
  await Promise.all([cluster.kubectl('create', 'namespace', 'elsewhere'), cluster.kubectl('create', 'namespace', 'first')])
  await submit('apply', ...manifests.flatMap((file) => ['-f', join(folder, file)]))
  await submit('apply', '-n', 'elsewhere', '-f', join(folder, elsewhere))
  for (const file of firstVersion) await submit('create', '-n', 'first', '-f', join(folder, 'v1beta1', file))
  await submit('create', '--raw', '/api/v1beta1/namespaces/elsewhere/pods', '-f', join(folder, 'v1beta1/redis.json'))
})
afterAll(() => cluster?.remove())

async function read(...args: readonly string[]): Promise<string> {
  const { stdout, stderr, code } = await cluster.kubectl('get', ...args)
  expect(code, stderr).toBe(0)
  return stdout
}
const field = (path: string, ...what: readonly string[]) => read(...what, '-o', `jsonpath=${path}`)
const becomes = (wanted: string, path: string, ...what: readonly string[]) =>
  eventually(`${what.join(' ')} ${path} ${wanted}`, async () => ((await field(path, ...what)) === wanted ? true : undefined))
/** An event of an object that says so. */
const says = (text: string, object: string) =>
  eventually(`${object}: ${text}`, async () => {
    const events = await field(
      '{range .items[*]}{.reason} {.message}{"\\n"}{end}',
      'events',
      '--field-selector',
      `involvedObject.name=${object}`,
    )
    return events.includes(text) ? true : undefined
  })

it('all are taken as they are, without a warning', () => {
  expect(refused).toEqual([])
})

describe('what runs', () => {
  it.each([
    ['boomload', '1', 'default'],
    ['jenkins', '1', 'default'],
    ['jenkins-slave', '1', 'default'],
    ['jenkins-slave-v2', '2', 'default'],
    ['node-js-scale', '1', 'default'],
    ['node-js-scale-a', '2', 'default'],
    ['node-js-scale-b', '2', 'default'],
    ['jenkins-slave', '1', 'first'],
    ['rediscontroller', '1', 'first'],
  ])('the replication controller %s has %s ready in %s', async (name, count, namespace) => {
    await becomes(count, '{.status.readyReplicas}', 'rc', name, '-n', namespace)
    expect(await field('{.status.replicas}', 'rc', name, '-n', namespace)).toBe(count)
  })

  it('Deployments of extensions/v1beta1, one of them brought to three by an autoscaler that calls it v1', async () => {
    await becomes('1', '{.status.availableReplicas}', 'deployment', 'boomload-deploy')
    await becomes('3', '{.status.availableReplicas}', 'deployment', 'node-js-deploy')
    const ableToScale = '{.status.conditions[?(@.type=="AbleToScale")].status}'
    expect(await field(ableToScale, 'hpa.v2.autoscaling', 'node-js-scale')).toBe('True')
  })

  it('the DaemonSet, with a container’s volumes as the pod’s; a volume in memory; pods of the first version', async () => {
    await becomes('3', '{.status.numberReady}', 'daemonset', 'node-problem-detector-v0.1', '-n', 'kube-system')
    expect(await field('{.spec.template.spec.volumes[*].name}', 'daemonset', 'node-problem-detector-v0.1', '-n', 'kube-system')).toBe('log')
    await becomes('Running', '{.status.phase}', 'pod', 'memory-pd')
    await becomes('Running', '{.status.phase}', 'pod', 'jenkins', '-n', 'first')
    await becomes('Running', '{.status.phase}', 'pod', 'redis', '-n', 'elsewhere')
  })

  it('a Job, and one of a schedule on Saturdays', async () => {
    await becomes('1', '{.status.succeeded}', 'job', 'long-task')
    expect(await field('{.items[*].metadata.name}', 'pods', '-l', 'job-name=long-task')).toMatch(/^long-task-\w{5}$/)
    expect(await field('{.spec.schedule}', 'cronjob', 'long-task-cron')).toBe('15 10 * * 6')
    await submit('create', 'job', 'saturday', '--from=cronjob/long-task-cron')
    await becomes('1', '{.status.succeeded}', 'job', 'saturday')
  })

  it('services with a port on every node and clients that stay with their pod', async () => {
    expect(await field('{.spec.sessionAffinity}', 'service', 'node-js-scale-ab')).toBe('ClientIP')
    const slices = ['endpointslices', '-l', 'kubernetes.io/service-name=node-js-scale-ab']
    await becomes('true true true true', '{.items[*].endpoints[*].conditions.ready}', ...slices)
    expect(await field('{.spec.ports[*].nodePort}', 'service', 'jenkins', '-n', 'elsewhere')).toMatch(/^\d{5} \d{5}$/)
    expect(await field('{.spec.ports[0].port} {.spec.ports[0].targetPort}', 'service', 'jenkins', '-n', 'first')).toBe('8888 8080')
    expect(await field('{.spec.clusterIP}', 'service', 'sayhey-svc')).toBe('None')
  })
})

describe('what waits says for what', () => {
  it('disks of a cloud: for the driver of their successor', async () => {
    const missing = (driver: string) => `driver name ${driver} not found in the list of registered CSI drivers`
    await says(missing('ebs.csi.aws.com'), 'test-aws')
    const pods = await field('{.items[*].metadata.name}', 'pods', '-l', 'name=http-pd')
    for (const pod of pods.split(' ')) await says(missing('pd.csi.storage.gke.io'), pod)
    // Readers have the disk on all three nodes: who writes waits for a node without one.
    await says('3 node(s) had no available disk', 'test-gce')
    await cluster.kubectl('scale', 'replicationcontroller', 'http-pd', '--replicas=2')
    await says(missing('pd.csi.storage.gke.io'), 'test-gce')
    expect(await field('{.status.containerStatuses[*].state.waiting.reason}', 'pod', 'test-gce')).toBe('ContainerCreating')
  })

  it('claims of a class of such disks: for its provisioner, or for a volume made by hand', async () => {
    await says("the external provisioner 'pd.csi.storage.gke.io'", 'demo-claim')
    await says('pod has unbound immediate PersistentVolumeClaims', 'whaleset-0')
    const volume = {
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: { name: 'by-hand', labels: { release: 'aws-storage' } },
      spec: {
        storageClassName: 'solidstate',
        capacity: { storage: '2Gi' },
        accessModes: ['ReadWriteOnce'],
        hostPath: { path: '/tmp' },
        claimRef: { namespace: 'default', name: 'demo-claim' },
      },
    }
    expect((await cluster.kubectlWith(JSON.stringify(volume), 'create', '-f', '-')).stderr).toBe('')
    await becomes('Bound', '{.status.phase}', 'pvc', 'demo-claim')
  })

  it('a Job for a node of a certain nickname: for that label', async () => {
    const pod = await field('{.items[0].metadata.name}', 'pods', '-l', 'job-name=long-task-ns')
    await says("0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector.", pod)
    const why = await cluster.binnacle('why', pod)
    expect(why.stdout).toContain("0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector.")
    expect(why.stdout).toMatch(/^node-a-2: does not fit\n  NodeAffinity +node\(s\) didn't match Pod's node affinity\/selector\n/m)
    await cluster.kubectl('label', 'node', 'node-a-2', 'nodenickname=trusty-steve')
    await becomes('1', '{.status.succeeded}', 'job', 'long-task-ns')
    expect(await field('{.spec.nodeName}', 'pod', pod)).toBe('node-a-2')
  })

  it('a name to be filled in: for an image that has one', async () => {
    const pod = await field('{.items[0].metadata.name}', 'pods', '-l', 'name=node-gulp')
    await says('couldn\'t parse image name "<your username>/node-gulp:latest"', pod)
    expect(await field('{.status.containerStatuses[0].state.waiting.reason}', 'pod', pod)).toBe('InvalidImageName')
  })
})
