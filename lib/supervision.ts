import { spawn, type ChildProcess } from 'node:child_process'
import { closeSync, copyFileSync, mkdirSync, openSync, statSync, truncateSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Clock, Timer } from './clock.ts'
import { lastWords, sizeOf } from './last-words.ts'
import type { Log } from './log.ts'
import { identifyProcess, isAlive, signalProcess, type ProcessIdentity } from './process-identity.ts'

/** A process to keep running. Its standard output and error are appended to `logFile`. */
export interface ProcessSpec {
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly logFile: string
  /** What has to be in place before each start, the first one included. Where it throws, that counts as an end of the process. */
  readonly prepare?: () => void
  /** With `true` the process has an IPC channel and says `{ready: true}` on it; else it is asked with this function. */
  readonly readiness: true | ((signal: AbortSignal) => Promise<boolean>)
  /** How long it may take from SIGTERM to the end; then SIGKILL. */
  readonly stopTimeoutMs?: number
}

/** What a supervised process does at the moment. */
export interface ProcessState {
  readonly name: string
  readonly state: 'starting' | 'ready' | 'waiting' | 'stopped'
  readonly identity?: ProcessIdentity
  readonly restarts: number
  /** Why it ended last time, if it did. */
  readonly lastExit?: string
}

/** Keeps processes running until it is told to stop them. */
export interface Supervisor {
  /**
   * Starts it and resolves when it is ready. Rejects when it ends by itself before its first readiness, or after `timeoutMs`; one that somebody
   * kills meanwhile is started again. With `isPatient` it never rejects: the process is started again and again, and after `timeoutMs` others go on.
   */
  start(spec: ProcessSpec, timeoutMs: number, isPatient?: boolean): Promise<void>
  /** Stops one; resolves when it is gone. */
  stop(name: string): Promise<void>
  states(): readonly ProcessState[]
  /** Called whenever a state changes. */
  onChange(handler: () => void): void
}

const firstBackoffMs = 200
const maxBackoffMs = 10_000
/** A process that ran this long has earned a fresh start of its backoff. */
const steadyMs = 30_000
const readinessPollMs = 50
const defaultStopTimeoutMs = 10_000
const maxLogBytes = 16 * 1024 * 1024
const logCheckMs = 30_000

/** `environment` is what every process gets; a process may have more. */
export function createSupervisor(options: {
  readonly clock: Clock
  readonly log: Log
  readonly environment: NodeJS.ProcessEnv
}): Supervisor {
  const processes = new Map<string, SupervisedProcess>()
  const handlers: (() => void)[] = []
  const notify = () => handlers.forEach((handler) => handler())
  return {
    start: async (spec, timeoutMs, isPatient = false) => {
      if (processes.has(spec.name)) throw new Error(`process ${spec.name} is supervised already`)
      const supervised = new SupervisedProcess(spec, { ...options, log: options.log.child({ process: spec.name }), notify })
      processes.set(spec.name, supervised)
      try {
        await supervised.startFirst(timeoutMs, isPatient)
      } catch (error) {
        processes.delete(spec.name)
        notify()
        throw error
      }
    },
    stop: async (name) => {
      await processes.get(name)?.stop()
      processes.delete(name)
    },
    states: () => [...processes.values()].map((supervised) => supervised.state()),
    onChange: (handler) => {
      handlers.push(handler)
    },
  }
}

class SupervisedProcess {
  readonly #spec: ProcessSpec
  readonly #clock: Clock
  readonly #log: Log
  readonly #environment: NodeJS.ProcessEnv
  readonly #notify: () => void
  #child: ChildProcess | undefined
  #identity: ProcessIdentity | undefined
  #state: ProcessState['state'] = 'starting'
  #restarts = 0
  #lastExit: string | undefined
  #wasKilled = false
  #backoffMs = firstBackoffMs
  #startedAt = 0
  /** How long the log was before the latest start. */
  #logStart = 0
  #isStopping = false
  #restartTimer: Timer | undefined
  #logTimer: Timer | undefined
  readonly #exits: (() => void)[] = []
  readonly #changes: (() => void)[] = []

  constructor(
    spec: ProcessSpec,
    options: { readonly clock: Clock; readonly log: Log; readonly environment: NodeJS.ProcessEnv; readonly notify: () => void },
  ) {
    this.#spec = spec
    this.#clock = options.clock
    this.#log = options.log
    this.#environment = options.environment
    this.#notify = options.notify
  }

  state(): ProcessState {
    return {
      name: this.#spec.name,
      state: this.#state,
      restarts: this.#restarts,
      ...(this.#identity === undefined ? {} : { identity: this.#identity }),
      ...(this.#lastExit === undefined ? {} : { lastExit: this.#lastExit }),
    }
  }

  async startFirst(timeoutMs: number, isPatient: boolean): Promise<void> {
    this.#watchLog()
    const settled = new AbortController()
    const timeout = this.#clock.sleep(timeoutMs, settled.signal).then(() => 'timeout' as const)
    this.#launch()
    const outcome = await Promise.race([this.#firstReadiness(isPatient), timeout])
    settled.abort()
    if (outcome === 'ready' || isPatient) return
    const why = outcome === 'timeout' ? `is not ready after ${timeoutMs / 1000} s` : `ended at once (${this.#lastExit})`
    await this.stop()
    const said = lastWords(this.#spec.logFile, this.#logStart)
    throw new Error(`${this.#spec.name} ${why}; its log: ${this.#spec.logFile}${said === '' ? '' : `\n${said}`}`)
  }

  /** Whoever kills a process says nothing of whether it can run. */
  async #firstReadiness(isPatient: boolean): Promise<'ready' | 'ended'> {
    for (;;) {
      if (this.#state === 'ready') return 'ready'
      const hasFailed = this.#state === 'waiting' && !this.#wasKilled && !isPatient
      if (hasFailed || this.#state === 'stopped') return 'ended'
      await new Promise<void>((resolve) => this.#changes.push(resolve))
    }
  }

  async stop(): Promise<void> {
    this.#isStopping = true
    this.#restartTimer?.cancel()
    this.#logTimer?.cancel()
    const child = this.#child
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      const ended = new Promise<void>((resolve) => this.#exits.push(resolve))
      child.kill('SIGTERM')
      const killer = this.#clock.setTimer(this.#spec.stopTimeoutMs ?? defaultStopTimeoutMs, () => child.kill('SIGKILL'))
      await ended
      killer.cancel()
    }
    this.#become('stopped')
  }

  #launch(): void {
    this.#become('starting')
    this.#startedAt = this.#clock.monotonic()
    try {
      this.#spec.prepare?.()
    } catch (error) {
      return this.#ended((error as Error).message)
    }
    this.#logStart = sizeOf(this.#spec.logFile)
    const child = this.#spawn()
    this.#child = child
    this.#identity = child.pid === undefined ? undefined : identifyProcess(child.pid)
    this.#notify()
    child.on('error', (error) => this.#ended(error.message))
    child.on('exit', (code, signal) => this.#ended(signal === null ? `exit code ${code}` : `signal ${signal}`, signal !== null))
    void this.#awaitReadiness(child).then(() => {
      if (this.#child === child) this.#become('ready')
    })
  }

  #spawn(): ChildProcess {
    const output = this.#openLog()
    const child = spawn(this.#spec.command, this.#spec.args, {
      stdio: ['ignore', output, output, ...(this.#spec.readiness === true ? (['ipc'] as const) : [])],
      env: { ...this.#environment, ...this.#spec.env },
      // Its own group: a Ctrl-C at the terminal reaches only the supervisor, which then stops things in order.
      detached: true,
    })
    if (output !== 'ignore') closeSync(output)
    return child
  }

  /** A log that cannot be written (a full disk) keeps no process from running. */
  #openLog(): number | 'ignore' {
    try {
      mkdirSync(dirname(this.#spec.logFile), { recursive: true })
      return openSync(this.#spec.logFile, 'a', 0o600)
    } catch (error) {
      this.#log.warn({ err: error, logFile: this.#spec.logFile }, 'the log cannot be opened')
      return 'ignore'
    }
  }

  async #awaitReadiness(child: ChildProcess): Promise<void> {
    const { readiness } = this.#spec
    if (readiness === true) {
      await new Promise<void>((resolve) => {
        child.on('message', (message) => {
          if (typeof message === 'object' && message !== null && 'ready' in message) resolve()
        })
      })
      return
    }
    const gone = new AbortController()
    child.once('exit', () => gone.abort())
    while (!(await readiness(gone.signal).catch(() => false))) {
      if (gone.signal.aborted) return new Promise(() => {})
      await this.#clock.sleep(readinessPollMs, gone.signal)
    }
  }

  #ended(why: string, wasKilled = false): void {
    if (this.#identity === undefined && this.#state === 'waiting') return
    this.#lastExit = why
    this.#wasKilled = wasKilled
    this.#identity = undefined
    this.#child = undefined
    for (const handler of this.#exits.splice(0)) handler()
    if (this.#isStopping) return
    if (this.#clock.monotonic() - this.#startedAt > steadyMs) this.#backoffMs = firstBackoffMs
    this.#log.warn({ why, restartInMs: this.#backoffMs }, 'process ended, restarting')
    this.#become('waiting')
    this.#restartTimer = this.#clock.setTimer(this.#backoffMs, () => {
      this.#restarts++
      this.#launch()
    })
    this.#backoffMs = Math.min(this.#backoffMs * 2, maxBackoffMs)
  }

  #become(state: ProcessState['state']): void {
    this.#state = state
    for (const resolve of this.#changes.splice(0)) resolve()
    this.#notify()
  }

  /** Keeps the log bounded: a full one becomes `.1` and is emptied in place, since the process goes on appending to it. */
  #watchLog(): void {
    try {
      if (statSync(this.#spec.logFile).size > maxLogBytes) {
        copyFileSync(this.#spec.logFile, `${this.#spec.logFile}.1`)
        truncateSync(this.#spec.logFile)
      }
    } catch {
      // Not there yet.
    }
    this.#logTimer = this.#clock.setTimer(logCheckMs, () => this.#watchLog())
  }
}

/** Ends a process that an earlier supervisor left behind: SIGTERM, then SIGKILL after `timeoutMs`. Resolves when it is gone. */
export async function endLeftover(identity: ProcessIdentity, timeoutMs: number, clock: Clock): Promise<void> {
  if (!signalProcess(identity, 'SIGTERM')) return
  const deadline = clock.monotonic() + timeoutMs
  while (isAlive(identity)) {
    if (clock.monotonic() > deadline) signalProcess(identity, 'SIGKILL')
    await clock.sleep(readinessPollMs)
  }
}
