import { existsSync, readFileSync, rmSync } from 'node:fs'
import { identifyProcess, isAlive, type ProcessIdentity } from '../lib/process-identity.ts'
import type { ProcessState } from '../lib/supervision.ts'
import { writeFileAtomically, type DataFolder } from './data-folder.ts'

/** What runs for a data folder: read by `status` and `down`, and by a supervisor that follows one that was killed. */
export interface RunState {
  readonly supervisor: ProcessIdentity
  readonly startedAt: string
  readonly runtime: 'docker' | 'simulated'
  readonly dockerHost: string
  readonly flags: readonly string[]
  readonly addresses: readonly Address[]
  readonly processes: readonly ProcessState[]
  readonly isReady: boolean
  readonly notices: readonly string[]
  /** Why nodes that were added do not run, by name. */
  readonly nodeProblems?: Readonly<Record<string, string>>
}

/** One row of the table that `start` and `status` print. */
export interface Address {
  readonly what: string
  readonly url: string
}

/** The state as last written, if there is one. */
export function readRunState(folder: DataFolder): RunState | undefined {
  if (!existsSync(folder.stateFile)) return undefined
  try {
    return JSON.parse(readFileSync(folder.stateFile, 'utf8')) as RunState
  } catch {
    return undefined
  }
}

export function writeRunState(folder: DataFolder, state: RunState): void {
  writeFileAtomically(folder.stateFile, JSON.stringify(state))
}

export function removeRunState(folder: DataFolder): void {
  rmSync(folder.stateFile, { force: true })
}

/** Whether the supervisor that wrote this state still runs. */
export function isRunning(state: RunState | undefined): state is RunState {
  return state !== undefined && isAlive(state.supervisor)
}

/** Whether a supervised process of that name is an engine that others talk to, which is stopped last. */
export function isEngine(name: string): boolean {
  return name === 'dockerd' || name === 'influxd'
}

/** This process, as `RunState.supervisor`. */
export function ownIdentity(): ProcessIdentity {
  return identifyProcess() ?? { pid: process.pid, startTicks: '0' }
}
