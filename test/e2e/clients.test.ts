import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findClusterTool } from '../../cli/commands/kubectl.ts'
import { eventually, execute, startCluster, type TestCluster } from '../support/cluster.ts'

/** kubectl 1.35 and helm 4 against containers of a real engine, in order: each step builds on the one before. */
const image = 'jonbaier/pod-scaling'
const deployment = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{name: c, image: '${image}:0.1', ports: [{containerPort: 80}]}]
`
const chart: Record<string, string> = {
  'Chart.yaml': 'apiVersion: v2\nname: small\nversion: 0.1.0\n',
  'values.yaml': "tag: '0.1'\n",
  'templates/all.yaml': `${deployment.replaceAll('web', '{{ .Release.Name }}').replace(`${image}:0.1`, `${image}:{{ .Values.tag }}`)}---
apiVersion: v1
kind: Service
metadata: {name: {{ .Release.Name }}}
spec: {type: LoadBalancer, selector: {app: {{ .Release.Name }}}, ports: [{port: 80}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: {{ .Release.Name }}}
data: {tag: '{{ .Values.tag }}'}
`,
}

let cluster: TestCluster

beforeAll(async () => {
  const made = await execute(process.execPath, ['cli/main.ts', 'images'], { timeoutMs: 240_000 })
  if (made.code !== 0) throw new Error(`no images: ${made.stderr}`)
  cluster = await startCluster(['--runtime=docker', '--influxdb=none'], 122)
})

afterAll(() => cluster?.remove())

async function kubectl(...args: readonly string[]): Promise<string> {
  const { stdout, stderr, code } = await cluster.kubectl(...args)
  if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: exit code ${code}\n${stderr}${stdout}`)
  return stdout
}

async function helm(...args: readonly string[]): Promise<string> {
  const program = findClusterTool('helm', process.env['PATH'] ?? '')!
  const env = { ...process.env, KUBECONFIG: join(cluster.dataDir, 'kubeconfig'), HOME: cluster.dataDir }
  const { stdout, stderr, code } = await execute(program, args, { env })
  if (code !== 0) throw new Error(`helm ${args.join(' ')}: exit code ${code}\n${stderr}${stdout}`)
  return stdout
}

const imageOf = (name: string) => kubectl('get', 'deployment', name, '-o', 'jsonpath={.spec.template.spec.containers[0].image}')

describe('kubectl', () => {
  it('applies, finds no difference, rolls out, and goes back', async () => {
    const file = join(cluster.dataDir, 'deployment.yaml')
    writeFileSync(file, deployment)
    expect(await kubectl('apply', '-f', file)).toContain('created')
    expect(await kubectl('apply', '-f', file)).toContain('unchanged')
    expect(await kubectl('diff', '-f', file)).toBe('')
    expect(await kubectl('rollout', 'status', 'deployment/web', '--timeout=60s')).toContain('successfully rolled out')
    await kubectl('set', 'image', 'deployment/web', `c=${image}:0.2`)
    expect(await kubectl('rollout', 'status', 'deployment/web', '--timeout=60s')).toContain('successfully rolled out')
    expect(await kubectl('rollout', 'history', 'deployment/web')).toMatch(/1 .*\n2 /)
    await kubectl('rollout', 'undo', 'deployment/web')
    await kubectl('rollout', 'status', 'deployment/web', '--timeout=60s')
    expect(await imageOf('web')).toBe(`${image}:0.1`)
  })

  it('sees the endpoint of the API server once', async () => {
    const slices = await kubectl('get', 'endpointslices', '-l', 'kubernetes.io/service-name=kubernetes', '-o', 'name')
    expect(slices.trim().split('\n')).toHaveLength(1)
    expect(await kubectl('get', 'endpoints', 'kubernetes', '-o', 'jsonpath={.subsets[*].addresses[*].ip}')).toBe('10.122.0.1')
  })

  it('copies a file into a container and back, and passes standard input and the exit code', async () => {
    await kubectl('run', 'box', `--image=${image}:0.1`)
    await kubectl('wait', '--for=condition=Ready', 'pod/box', '--timeout=60s')
    const [from, back] = [join(cluster.dataDir, 'from'), join(cluster.dataDir, 'back')]
    writeFileSync(from, 'some text\n')
    await kubectl('cp', from, 'box:/tmp/copy')
    await kubectl('cp', 'box:/tmp/copy', back)
    expect(readFileSync(back, 'utf8')).toBe('some text\n')
    const answer = await cluster.kubectlWith('typed', 'exec', '-i', 'box', '--', 'sh', '-c', 'cat; echo aside >&2; exit 3')
    expect([answer.stdout, answer.code]).toEqual(['typed', 3])
    expect(answer.stderr).toContain('aside')
  })

  it('deletes a replication controller together with its pods', async () => {
    const controller = deployment
      .replace('apps/v1', 'v1')
      .replace('kind: Deployment', 'kind: ReplicationController')
      .replace('{matchLabels: {app: web}}', '{app: rc}')
      .replace('metadata: {name: web, labels: {app: web}}', 'metadata: {name: rc}')
      .replace('labels: {app: web}', 'labels: {app: rc}')
    expect((await cluster.kubectlWith(controller, 'create', '-f', '-')).stderr).toBe('')
    await kubectl('wait', '--for=jsonpath={.status.readyReplicas}=2', 'rc/rc', '--timeout=60s')
    await kubectl('delete', 'rc', 'rc')
    await eventually('no pods', async () => ((await kubectl('get', 'pods', '-l', 'app=rc', '-o', 'name')) === '' ? true : undefined))
  })

  it('says who it is and what others may do', async () => {
    expect(await kubectl('auth', 'whoami')).toContain('system:masters')
    expect((await cluster.kubectl('auth', 'can-i', 'create', 'pods', '--as=joe')).stdout).toBe('no\n')
    expect((await kubectl('create', 'token', 'default')).split('.')).toHaveLength(3)
  })
})

describe('helm', () => {
  it('installs, upgrades, rolls back and uninstalls a chart, waiting for what it made', async () => {
    const folder = join(cluster.dataDir, 'chart')
    mkdirSync(join(folder, 'templates'), { recursive: true })
    for (const [name, text] of Object.entries(chart)) writeFileSync(join(folder, name), text)
    expect(await helm('install', 'small', folder, '--wait', '--timeout=60s')).toContain('STATUS: deployed')
    const address = await kubectl('get', 'service', 'small', '-o', 'jsonpath={.status.loadBalancer.ingress[0].ip}')
    await eventually('the load balancer answers', async () => ((await fetch(`http://${address}`)).ok ? true : undefined))
    await helm('upgrade', 'small', folder, '--set-string=tag=0.2', '--wait', '--timeout=60s')
    expect(await imageOf('small')).toBe(`${image}:0.2`)
    await helm('rollback', 'small', '1', '--wait', '--timeout=60s')
    expect(await imageOf('small')).toBe(`${image}:0.1`)
    expect(await kubectl('get', 'configmap', 'small', '-o', 'jsonpath={.data.tag}')).toBe('0.1')
    await helm('uninstall', 'small', '--wait')
    expect(await kubectl('get', 'deployment,service,configmap', '-o', 'name')).not.toContain('small')
  })
})
