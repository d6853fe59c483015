import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { findClusterTool } from '../../cli/commands/kubectl.ts'

const project = fileURLToPath(new URL('../..', import.meta.url))
const readyTimeoutMs = 120_000

/** What a command printed and how it ended. */
export interface Outcome {
  readonly stdout: string
  readonly stderr: string
  readonly code: number
}

/** A whole cluster that was started with the real command, on ports and networks of its own. */
export interface TestCluster {
  readonly dataDir: string
  readonly ports: Readonly<Record<PortName, number>>
  /** What the command has printed so far. */
  output(): string
  /** kubectl 1.35 with the cluster's kubeconfig; never throws for a failing command. */
  kubectl(...args: readonly string[]): Promise<Outcome>
  /** Like `kubectl`, with text on standard input. */
  kubectlWith(input: string, ...args: readonly string[]): Promise<Outcome>
  /** `binnacle` with the data folder of this cluster. */
  binnacle(...args: readonly string[]): Promise<Outcome>
  /** Process ids by name, from the state file. */
  pids(): Record<string, number>
  /** Ctrl-C, and waits for the end. Resolves with the exit code. */
  interrupt(): Promise<number | null>
  /** Starts the command again on the same data, after `interrupt`. */
  restart(): Promise<void>
  /** Ends everything and removes every trace. Safe to call at any time. */
  remove(): Promise<void>
}

type PortName = 'api' | 'node-agent' | 'collector' | 'aggregator' | 'metrics-api' | 'alerts' | 'web' | 'influxdb'
const portNames: readonly PortName[] = ['api', 'node-agent', 'collector', 'aggregator', 'metrics-api', 'alerts', 'web', 'influxdb']

/** Who runs the command, and with what around it. */
export interface Circumstances {
  /** An empty folder; by default one is made. It is removed with the cluster. */
  readonly dataDir?: string
  readonly env?: Readonly<Record<string, string>>
  /** The user's number; by default that of the tests. */
  readonly uid?: number
}

/** A run of the command that may not be ready yet. */
interface Run {
  readonly child: ChildProcess
  readonly output: () => string
}

/** Starts a cluster with `npm start`'s own command and waits until it says that it is ready. `flags` are added to it. */
export async function startCluster(
  flags: readonly string[] = [],
  networkIndex = 60,
  circumstances: Circumstances = {},
): Promise<TestCluster> {
  const dataDir = circumstances.dataDir ?? mkdtempSync(join(tmpdir(), 'binnacle-e2e-'))
  const { args, ports } = await clusterArguments(dataDir, flags, networkIndex)
  let run = await launch(args, circumstances)
  const tool = findClusterTool('kubectl', process.env['PATH'] ?? '')!
  const environment = { ...process.env, KUBECONFIG: join(dataDir, 'kubeconfig'), HOME: dataDir }
  const binnacle = (...more: readonly string[]) =>
    execute(process.execPath, [join(project, 'cli/main.ts'), ...more, `--data-dir=${dataDir}`])
  return {
    dataDir,
    ports,
    output: () => run.output(),
    kubectl: (...more) => execute(tool, more, { env: environment }),
    kubectlWith: (input, ...more) => execute(tool, more, { env: environment, input }),
    binnacle,
    pids: () => {
      const state = JSON.parse(readFileSync(join(dataDir, 'state.json'), 'utf8')) as {
        supervisor: { pid: number }
        processes: { name: string; identity?: { pid: number } }[]
      }
      return {
        supervisor: state.supervisor.pid,
        ...Object.fromEntries(state.processes.flatMap(({ name, identity }) => (identity === undefined ? [] : [[name, identity.pid]]))),
      }
    },
    interrupt: () => end(run.child, 'SIGINT'),
    restart: async () => {
      run = await launch(args, circumstances)
    },
    remove: async () => {
      await end(run.child, 'SIGINT')
      await binnacle('down', '--purge')
      rmSync(dataDir, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 })
    },
  }
}

/** Runs a program to its end. */
export function execute(
  program: string,
  args: readonly string[],
  options: { readonly env?: NodeJS.ProcessEnv; readonly input?: string; readonly timeoutMs?: number } = {},
): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = execFile(
      program,
      [...args],
      { env: options.env ?? process.env, timeout: options.timeoutMs ?? 120_000, maxBuffer: 64 * 1024 * 1024 },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1
        resolve({ stdout, stderr, code })
      },
    )
    child.stdin?.on('error', () => {})
    child.stdin?.end(options.input ?? '')
  })
}

/** Asks again and again until `probe` gives something else than `undefined`, and fails with what was last seen when time is up. */
export async function eventually<T>(what: string, probe: () => Promise<T | undefined>, timeoutMs = 60_000): Promise<T> {
  const deadline = performance.now() + timeoutMs
  let last: unknown
  for (;;) {
    try {
      const result = await probe()
      if (result !== undefined) return result
    } catch (error) {
      last = error
    }
    if (performance.now() > deadline) throw new Error(`${what}: not within ${timeoutMs / 1000} s`, { cause: last })
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

/** The arguments of `start` for a cluster on free ports and networks of its own. */
export async function clusterArguments(
  dataDir: string,
  flags: readonly string[],
  networkIndex: number,
): Promise<{ readonly args: readonly string[]; readonly ports: Record<PortName, number> }> {
  const free = await freePorts(portNames.length)
  const ports = Object.fromEntries(portNames.map((name, index) => [name, free[index]!])) as Record<PortName, number>
  const args = [
    `--data-dir=${dataDir}`,
    ...portNames.map((name) => `--${name}-port=${ports[name]}`),
    `--pod-cidr=10.${networkIndex}.0.0/16`,
    `--service-cidr=10.${networkIndex + 1}.0.0/16`,
    '--node-name=node-a',
    ...flags,
  ]
  return { args, ports }
}

async function launch(args: readonly string[], circumstances: Circumstances): Promise<Run> {
  const run = begin(args, circumstances)
  const deadline = performance.now() + readyTimeoutMs
  while (!run.output().includes('Binnacle is ready')) {
    if (run.child.exitCode !== null || performance.now() > deadline) {
      await end(run.child, 'SIGINT')
      throw new Error(`the cluster did not start:\n${run.output()}`)
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  return run
}

/** Starts the command and waits for nothing. */
export function begin(args: readonly string[], { env, uid }: Circumstances = {}): Run {
  const child = spawn(process.execPath, [join(project, 'cli/binnacle.js'), 'start', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
    ...(uid === undefined ? {} : { uid, gid: uid }),
  })
  let text = ''
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (text += chunk.toString()))
  return { child, output: () => text }
}

/** Ends the command with a signal, unless it has ended, and resolves with its exit code. */
export function end(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(child.exitCode)
  return new Promise((resolve) => {
    child.once('exit', (code) => resolve(code))
    child.kill(signal)
  })
}

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, () => {
      const server = createServer()
      return new Promise<typeof server>((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)))
    }),
  )
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}
