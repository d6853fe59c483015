import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { findClusterTool } from '../../cli/commands/kubectl.ts'
import { unmountBelow } from '../../cli/mounts.ts'
import { dockerVersion } from '../../cli/setup/docker.ts'
import { eventually, execute, type Outcome } from './cluster.ts'

const project = fileURLToPath(new URL('../..', import.meta.url))
const engineTimeoutMs = 30_000

/** A host of its own as far as the network goes: an address, a loopback, routes and rules, and a Docker engine. */
export interface TestHost {
  readonly address: string
  /** Everything of this host is below it. */
  readonly folder: string
  readonly dockerUrl: string
  /** The data folder of its `binnacle`. */
  readonly dataDir: string
  /** Runs a program on this host to its end. */
  run(program: string, ...args: readonly string[]): Promise<Outcome>
  /** Runs `binnacle` on this host with its data folder. */
  binnacle(...args: readonly string[]): Promise<Outcome>
  startEngine(): Promise<void>
  /** What a host does that loses its power: engine, supervisor and node agent are gone at once, with nothing said. */
  crash(): Promise<void>
}

/** Two hosts of one machine, joined by a cable. */
export interface TestHosts {
  readonly hosts: readonly [TestHost, TestHost]
  /** kubectl on the first host, with the kubeconfig of its cluster. */
  kubectl(...args: readonly string[]): Promise<Outcome>
  kubectlWith(input: string, ...args: readonly string[]): Promise<Outcome>
  /** kubectl as a process that its caller ends. */
  spawnKubectl(...args: readonly string[]): ChildProcess
  /** Ends and removes everything, in whatever state it is. */
  remove(): Promise<void>
}

/** Makes two network namespaces with a Docker engine in each. Needs root. */
export async function makeHosts(): Promise<TestHosts> {
  const root = mkdtempSync(join(tmpdir(), 'bnh-'))
  const names = ['a', 'b'].map((letter) => `bnh-${process.pid}-${letter}`) as [string, string]
  const hosts = names.map((name, index) => new NamespaceHost(name, join(root, 'ab'[index]!), `10.60.9.${index + 1}`)) as [
    NamespaceHost,
    NamespaceHost,
  ]
  const tool = findClusterTool('kubectl', process.env['PATH'] ?? '')!
  const env = { ...process.env, KUBECONFIG: join(hosts[0].dataDir, 'kubeconfig'), HOME: root }
  const within = (args: readonly string[]) => [`--net=/run/netns/${names[0]}`, tool, ...args]
  const kubectlWith = (input: string, ...args: readonly string[]) => execute('nsenter', within(args), { env, input })
  const result: TestHosts = {
    hosts,
    kubectl: (...args) => kubectlWith('', ...args),
    kubectlWith,
    spawnKubectl: (...args) => spawn('nsenter', within(args), { env, stdio: 'ignore' }),
    async remove() {
      // The one that has joined first: what it tells the server on its way out is answered.
      for (const host of hosts.toReversed()) await host.remove()
      for (const name of names) await execute('ip', ['netns', 'delete', name])
      rmSync(root, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 })
    },
  }
  try {
    for (const name of names) await must('ip', 'netns', 'add', name)
    await must('ip', 'link', 'add', 'eth0', 'netns', names[0], 'type', 'veth', 'peer', 'name', 'eth0', 'netns', names[1])
    await Promise.all(hosts.map((host) => host.setUp()))
    return result
  } catch (error) {
    await result.remove()
    throw error
  }
}

async function must(program: string, ...args: readonly string[]): Promise<void> {
  const { code, stderr } = await execute(program, args)
  if (code !== 0) throw new Error(`${program} ${args.join(' ')}: ${stderr}`)
}

class NamespaceHost implements TestHost {
  readonly address: string
  readonly folder: string
  readonly dockerUrl: string
  readonly dataDir: string
  readonly #name: string
  #engine: ChildProcess | undefined

  constructor(name: string, folder: string, address: string) {
    this.#name = name
    this.address = address
    this.folder = folder
    this.dockerUrl = `unix://${folder}/docker.sock`
    this.dataDir = join(folder, 'data')
  }

  async setUp(): Promise<void> {
    await must('mkdir', '-p', this.folder)
    await this.#must('ip', 'address', 'add', `${this.address}/24`, 'dev', 'eth0')
    for (const device of ['eth0', 'lo']) await this.#must('ip', 'link', 'set', device, 'up')
    // Else the engine closes the way through this host.
    await this.#must('sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward')
    await this.startEngine()
  }

  // Not `ip netns exec`: it would hide the control groups.
  run(program: string, ...args: readonly string[]): Promise<Outcome> {
    return execute('nsenter', [`--net=/run/netns/${this.#name}`, program, ...args])
  }

  binnacle(...args: readonly string[]): Promise<Outcome> {
    return this.run(process.execPath, join(project, 'cli/main.ts'), ...args, `--data-dir=${this.dataDir}`)
  }

  async startEngine(): Promise<void> {
    const { folder } = this
    const log = openSync(join(folder, 'dockerd.log'), 'a')
    const args = [
      'dockerd',
      `--host=${this.dockerUrl}`,
      `--data-root=${folder}/docker`,
      `--exec-root=${folder}/run`,
      '--pidfile=',
      `--containerd-namespace=${this.#name}`,
      `--containerd-plugins-namespace=${this.#name}-p`,
      '--bridge=none',
    ]
    rmSync(join(folder, 'run/containerd/containerd.pid'), { force: true })
    this.#engine = spawn('nsenter', [`--net=/run/netns/${this.#name}`, ...args], { stdio: ['ignore', log, log] })
    await eventually('the engine to answer', async () => dockerVersion(this.dockerUrl), engineTimeoutMs)
  }

  async crash(): Promise<void> {
    const { supervisor, processes } = JSON.parse(readFileSync(join(this.dataDir, 'state.json'), 'utf8')) as {
      readonly supervisor: { readonly pid: number }
      readonly processes: readonly { readonly identity?: { readonly pid: number } }[]
    }
    const containerd = Number(readFileSync(join(this.folder, 'run/containerd/containerd.pid'), 'utf8'))
    const pids = [supervisor.pid, ...processes.flatMap(({ identity }) => identity?.pid ?? []), this.#engine!.pid!, containerd]
    const ended = new Promise((resolve) => this.#engine!.once('exit', resolve))
    for (const pid of pids) process.kill(pid, 'SIGKILL')
    await ended
  }

  async remove(): Promise<void> {
    if (!existsSync(this.folder)) return
    // Only an engine can remove what one that was killed has left.
    if ((await dockerVersion(this.dockerUrl)) === undefined) await this.startEngine().catch(() => {})
    if (existsSync(this.dataDir)) await this.binnacle('down', '--purge')
    const engine = this.#engine
    if (engine !== undefined && engine.exitCode === null && engine.signalCode === null) {
      const ended = new Promise((resolve) => engine.once('exit', resolve))
      engine.kill('SIGTERM')
      await ended
    }
    unmountBelow(this.folder)
  }

  async #must(program: string, ...args: readonly string[]): Promise<void> {
    await must('nsenter', `--net=/run/netns/${this.#name}`, program, ...args)
  }
}
