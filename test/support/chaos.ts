import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { seededRandom } from '../../lib/random.ts'
import { eventually, execute, startCluster, type TestCluster } from './cluster.ts'

/** What a run of kills came to. Everything in `wrong` is a promise broken, in words. */
export interface ChaosReport {
  readonly minutes: number
  /** Target → how often it was killed. */
  readonly kills: Readonly<Record<string, number>>
  readonly rollouts: number
  readonly jobsCompleted: number
  /** How long everything took to be as declared once the kills had ended. */
  readonly convergedAfterSeconds: number
  readonly wrong: readonly string[]
}

export interface ChaosOptions {
  readonly minutes: number
  readonly seed: number
  readonly networkIndex: number
  readonly print?: (line: string) => void
}

const image = 'jonbaier/pod-scaling:0.1'
const replicas = 4
const members = 3
const completions = 6
const pauseMs = { least: 2_000, most: 9_000 }
const convergenceMs = 150_000
/** Two nodes share the machine, so that their requests must be small. */
const resources = { requests: { cpu: '10m', memory: '8Mi' } }

/**
 * Runs a Deployment that is rolled out again and again, a StatefulSet and one Job after the other on a cluster of two nodes with an engine of
 * its own, and kills the engine, the server, the agents, the monitor, the supervisor and containers at random moments. Afterwards everything
 * must be as declared, each container must belong to a pod, and no completion may be counted twice. Removes what it made.
 */
export async function causeChaos(options: ChaosOptions): Promise<ChaosReport> {
  const folder = mkdtempSync(join(tmpdir(), 'bnc-chaos-'))
  const engine = `unix://${folder}/docker.sock`
  const flags = [`--docker-host=${engine}`, '--runtime=docker', '--influxdb=none', '--nodes=2', '--downscale-stabilization=5']
  const cluster = await startCluster(flags, options.networkIndex)
  try {
    await execute(process.execPath, ['cli/main.ts', 'images', `--docker-host=${engine}`])
    return await new Chaos(cluster, engine, options).run()
  } catch (error) {
    options.print?.(lastLines(join(cluster.dataDir, 'logs')))
    throw error
  } finally {
    await cluster.remove()
    rmSync(folder, { recursive: true, force: true })
  }
}

class Chaos {
  readonly #cluster: TestCluster
  readonly #engine: string
  readonly #options: ChaosOptions
  readonly #kills: Record<string, number> = {}
  readonly #random: () => number
  #rollouts = 0
  #jobs = 0

  constructor(cluster: TestCluster, engine: string, options: ChaosOptions) {
    this.#cluster = cluster
    this.#engine = engine
    this.#options = options
    const random = seededRandom(options.seed)
    this.#random = () => random.fraction()
  }

  async run(): Promise<ChaosReport> {
    const begun = performance.now()
    await this.#apply(deployment(), statefulSet(), job(`sum-${this.#jobs++}`))
    while (performance.now() - begun < this.#options.minutes * 60_000) {
      await this.#disturb()
      await pause(pauseMs.least + this.#random() * (pauseMs.most - pauseMs.least))
    }
    const minutes = (performance.now() - begun) / 60_000
    const ended = performance.now()
    const unconverged = await this.#converge()
    const convergedAfterSeconds = (performance.now() - ended) / 1000
    const wrong = [...unconverged, ...(await this.#miscountedJobs()), ...(await this.#ownerless())]
    return { minutes, kills: this.#kills, rollouts: this.#rollouts, jobsCompleted: this.#jobs, convergedAfterSeconds, wrong }
  }

  /** One thing that happens: a kill, and now and then work for the controllers. */
  async #disturb(): Promise<void> {
    const chance = this.#random()
    if (chance < 0.2) await this.#rollOut()
    else if (chance < 0.4) await this.#apply(job(`sum-${this.#jobs++}`))
    await this.#kill(pick(['server', 'node-0', 'node-1', 'dockerd', 'monitor', 'supervisor', 'container', 'container'], this.#random()))
  }

  async #kill(target: string): Promise<void> {
    const note = `${target} killed`
    if (target === 'container') {
      const ids = (await this.#docker('ps', '--quiet')).split('\n').filter(Boolean)
      if (ids.length === 0) return
      await this.#docker('kill', pick(ids, this.#random()))
    } else {
      const pid = this.#cluster.pids()[target]
      if (pid === undefined || (target === 'supervisor' && !this.#hasSupervisor())) return
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        return
      }
    }
    this.#kills[target] = (this.#kills[target] ?? 0) + 1
    this.#options.print?.(note)
  }

  /** Whoever follows a killed supervisor has nobody to follow it until it has started something. */
  #hasSupervisor(): boolean {
    const { isReady } = JSON.parse(readFileSync(join(this.#cluster.dataDir, 'state.json'), 'utf8')) as { readonly isReady: boolean }
    return isReady
  }

  async #rollOut(): Promise<void> {
    const { code } = await this.#cluster.kubectl('set', 'env', 'deployment/web', `ROUND=${this.#rollouts}`)
    if (code === 0) this.#rollouts++
  }

  /** Applies until the API server, which may be gone at the moment, has taken it. */
  async #apply(...objects: readonly object[]): Promise<void> {
    const text = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects })
    await eventually('apply', async () => {
      const { code, stderr } = await this.#cluster.kubectlWith(text, 'apply', '-f', '-')
      if (code !== 0) throw new Error(stderr)
      return true
    })
  }

  /** Waits for everything to be as declared; what is not in time is told. */
  async #converge(): Promise<string[]> {
    let wrong: string[] = ['nothing was looked at']
    try {
      await eventually('convergence', async () => ((wrong = await this.#unmet()).length === 0 ? true : undefined), convergenceMs)
    } catch {
      return wrong
    }
    return []
  }

  async #unmet(): Promise<string[]> {
    const [web, db, jobs, pods, nodes] = await Promise.all([
      this.#get('deployment', 'web'),
      this.#get('statefulset', 'db'),
      this.#list('jobs'),
      this.#list('pods'),
      this.#list('nodes'),
    ])
    const wrong: string[] = []
    const expect = (isMet: boolean, what: string) => void (isMet || wrong.push(what))
    const { status } = web
    expect(status.observedGeneration === web.metadata.generation, 'deployment web: generation not observed')
    expect(
      [status.updatedReplicas, status.availableReplicas, status.replicas].every((count) => count === replicas),
      `deployment web: ${JSON.stringify(status)}`,
    )
    expect(db.status.readyReplicas === members, `statefulset db: ${JSON.stringify(db.status)}`)
    for (const each of jobs) expect(each.status.succeeded === completions, `job ${each.metadata.name}: ${JSON.stringify(each.status)}`)
    for (const node of nodes) expect(isTrue(node, 'Ready'), `node ${node.metadata.name} is not Ready`)
    const living = pods.filter(({ status: { phase } }) => phase !== 'Succeeded' && phase !== 'Failed')
    expect(living.length === replicas + members, `${living.length} living pods: ${living.map(({ metadata }) => metadata.name).join(' ')}`)
    for (const pod of living) expect(isTrue(pod, 'Ready') && !pod.metadata.deletionTimestamp, `pod ${pod.metadata.name} is not Ready`)
    return wrong
  }

  /** A Job's account must be what its pods say: each index once, and no success without a pod. */
  async #miscountedJobs(): Promise<string[]> {
    const [jobs, pods] = [await this.#list('jobs'), await this.#list('pods')]
    const wrong: string[] = []
    for (const { metadata, status } of jobs) {
      const done = pods.filter((pod) => pod.metadata.labels?.['job-name'] === metadata.name && pod.status.phase === 'Succeeded')
      const indexes = new Set(done.map((pod) => pod.metadata.annotations?.['batch.kubernetes.io/job-completion-index']))
      if (status.completedIndexes !== `0-${completions - 1}` || indexes.size !== completions || done.length !== completions)
        wrong.push(`job ${metadata.name}: ${status.succeeded} succeeded, indexes ${status.completedIndexes}, ${done.length} succeeded pods`)
    }
    return wrong
  }

  /** Containers of the cluster whose pod does not exist, and pods with more than one running sandbox. */
  async #ownerless(): Promise<string[]> {
    const { clusterId } = JSON.parse(readFileSync(join(this.#cluster.dataDir, 'cluster.json'), 'utf8')) as { readonly clusterId: string }
    let wrong: string[] = []
    const look = async () => {
      const uids = new Set((await this.#list('pods')).map(({ metadata }) => metadata.uid))
      const format = '{{.ID}} {{.State}} {{.Label "io.kubernetes.pod.uid"}} {{.Label "io.kubernetes.container.name"}}'
      const lines = await this.#docker('ps', '--all', '--filter', `label=binnacle.cluster=${clusterId}`, '--format', format)
      const containers = lines.split('\n').flatMap((line) => (line === '' ? [] : [line.split(' ') as [string, string, string, string]]))
      const running = containers.filter(([, state]) => state === 'running').map(([, , uid, name]) => `${uid} ${name}`)
      wrong = [
        ...containers.filter(([, , uid]) => !uids.has(uid)).map(([id, , uid, name]) => `container ${id} (${name}) has no pod (${uid})`),
        ...running.filter((key, index) => running.indexOf(key) !== index).map((key) => `two run for ${key}`),
      ]
      return wrong.length === 0 ? true : undefined
    }
    await eventually('each container belongs to a pod', look, 60_000).catch(() => {})
    return wrong
  }

  #docker(...args: readonly string[]): Promise<string> {
    return execute('docker', ['--host', this.#engine, ...args]).then(({ stdout }) => stdout)
  }

  async #get(kind: string, name: string): Promise<Thing> {
    return JSON.parse((await this.#cluster.kubectl('get', kind, name, '-o', 'json')).stdout) as Thing
  }

  async #list(kind: string): Promise<Thing[]> {
    return (JSON.parse((await this.#cluster.kubectl('get', kind, '-o', 'json')).stdout) as { readonly items: Thing[] }).items
  }
}

/** An object as kubectl prints it, as far as it is looked at here. */
interface Thing {
  readonly metadata: {
    readonly name: string
    readonly uid: string
    readonly generation: number
    readonly deletionTimestamp?: string
    readonly labels?: Readonly<Record<string, string>>
    readonly annotations?: Readonly<Record<string, string>>
  }
  readonly status: {
    readonly phase?: string
    readonly observedGeneration?: number
    readonly replicas?: number
    readonly updatedReplicas?: number
    readonly availableReplicas?: number
    readonly readyReplicas?: number
    readonly succeeded?: number
    readonly completedIndexes?: string
    readonly conditions?: readonly { readonly type: string; readonly status: string }[]
  }
}

/** How the logs in a folder end. */
function lastLines(folder: string): string {
  const ends = readdirSync(folder).map((name) =>
    [`${name}:`, ...readFileSync(join(folder, name), 'utf8').split('\n').slice(-30)].join('\n'),
  )
  return ends.join('\n')
}

const isTrue = ({ status }: Thing, type: string) => status.conditions?.some((each) => each.type === type && each.status === 'True') === true

const pick = <T>(choices: readonly T[], chance: number): T => choices[Math.floor(chance * choices.length)]!

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

function template(app: string, command: readonly string[]) {
  return {
    metadata: { labels: { app } },
    spec: { terminationGracePeriodSeconds: 1, containers: [{ name: 'main', image, command, resources }] },
  }
}

const deployment = () => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web' },
  spec: { replicas, selector: { matchLabels: { app: 'web' } }, template: template('web', ['sleep', '100000']) },
})

const statefulSet = () => ({
  apiVersion: 'apps/v1',
  kind: 'StatefulSet',
  metadata: { name: 'db' },
  spec: { replicas: members, serviceName: 'db', selector: { matchLabels: { app: 'db' } }, template: template('db', ['sleep', '100000']) },
})

function job(name: string) {
  const { metadata, spec } = template(name, ['sleep', '1'])
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name },
    spec: {
      completions,
      parallelism: 2,
      completionMode: 'Indexed',
      backoffLimitPerIndex: 100,
      template: { metadata, spec: { ...spec, restartPolicy: 'Never' } },
    },
  }
}
