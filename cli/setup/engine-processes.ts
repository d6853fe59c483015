import { readdirSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { identifyProcess, isAlive, signalProcess, type ProcessIdentity } from '../../lib/process-identity.ts'
import type { Clock } from '../../lib/clock.ts'

const shimProgram = /^containerd-shim/
const endPollMs = 20
const endTimeoutMs = 5_000

/** A process that holds a container for an engine, and outlives that engine. */
export interface Shim {
  readonly pid: number
  readonly containerId: string
}

/** The shims of one containerd namespace, whether or not their engine still runs. */
export function findShims(namespace: string, procRoot = '/proc'): readonly Shim[] {
  return processesIn(procRoot).flatMap((pid) => {
    const [program = '', ...args] = commandLine(procRoot, pid)
    if (!shimProgram.test(basename(program)) || valueOf(args, '-namespace') !== namespace) return []
    const containerId = valueOf(args, '-id')
    // `start` and `delete` are short-lived helpers of containerd.
    return containerId === undefined || /^(start|delete)$/.test(args.at(-1) ?? '') ? [] : [{ pid, containerId }]
  })
}

/** Kills shims with all that runs in their containers; resolves when they are gone, or after five seconds. */
export async function endShims(shims: readonly Shim[], clock: Clock): Promise<void> {
  if (shims.length === 0) return
  const children = Map.groupBy(processesIn('/proc'), parentOf)
  const doomed: ProcessIdentity[] = []
  const visit = (pid: number) => {
    const identity = identifyProcess(pid)
    if (identity !== undefined) doomed.push(identity)
    for (const child of children.get(pid) ?? []) visit(child)
  }
  for (const { pid } of shims) visit(pid)
  // The shim first: it would tell of an end that nobody hears.
  for (const identity of doomed) signalProcess(identity, 'SIGKILL')
  const deadline = clock.monotonic() + endTimeoutMs
  while (doomed.some(isAlive) && clock.monotonic() < deadline) await clock.sleep(endPollMs)
}

function processesIn(procRoot: string): number[] {
  return readdirSync(procRoot)
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
}

function commandLine(procRoot: string, pid: number): string[] {
  try {
    return readFileSync(`${procRoot}/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1)
  } catch {
    return []
  }
}

function parentOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The command name is in parentheses and may hold anything; fields are counted from behind it.
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
  } catch {
    return 0
  }
}

function valueOf(args: readonly string[], flag: string): string | undefined {
  const index = args.indexOf(flag)
  return index < 0 ? undefined : args[index + 1]
}
