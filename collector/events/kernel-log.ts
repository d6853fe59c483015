import { closeSync, constants, openSync, readSync } from 'node:fs'

/** A task that the kernel killed for want of memory, as its log says. */
export interface OomVictim {
  /** Cgroup of the task. */
  readonly taskCgroup: string
  /** Cgroup whose limit was hit; empty where the machine ran out. */
  readonly limitCgroup: string
  readonly pid: number
  readonly processName: string
  /** `CONSTRAINT_MEMCG`, `CONSTRAINT_NONE`, … */
  readonly constraint: string
}

const maxRecordBytes = 8192

/** Records read at most per call: a flood of messages is caught up with over several. */
const maxRecords = 2000

/** The kernel's log from now on, through /dev/kmsg, which tells who was killed. One system call where there is nothing to read. */
export class KernelLog {
  readonly #path: string
  readonly #buffer = Buffer.alloc(maxRecordBytes)
  #descriptor: number | undefined
  /** Why the log can't be read; undefined while it can. */
  problem: string | undefined

  constructor(path = '/dev/kmsg') {
    this.#path = path
  }

  /** Opens the log and passes over what is in it. */
  open(): void {
    try {
      this.#descriptor = openSync(this.#path, constants.O_RDONLY | constants.O_NONBLOCK)
      this.problem = undefined
      while (this.#nextRecord() !== undefined);
    } catch (error) {
      this.problem = codeOf(error)
    }
  }

  /** Who was killed since the last call. */
  victims(): OomVictim[] {
    const victims: OomVictim[] = []
    for (let records = 0; records < maxRecords; records++) {
      const record = this.#nextRecord()
      if (record === undefined) break
      const victim = parseOomKill(record)
      if (victim !== undefined) victims.push(victim)
    }
    return victims
  }

  /** Idempotent. */
  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor)
    this.#descriptor = undefined
  }

  /** A read gives one record; EPIPE says that records were overwritten before they were read, and the next read goes on behind them. */
  #nextRecord(): string | undefined {
    if (this.#descriptor === undefined) return undefined
    for (;;) {
      try {
        const length = readSync(this.#descriptor, this.#buffer, 0, maxRecordBytes, null)
        return length === 0 ? undefined : this.#buffer.toString('utf8', 0, length)
      } catch (error) {
        const code = codeOf(error)
        if (code === 'EPIPE') continue
        if (code !== 'EAGAIN') {
          this.problem = code
          this.close()
        }
        return undefined
      }
    }
  }
}

/** The victim that a record of the kernel's log tells of; `undefined` for every other record. */
export function parseOomKill(record: string): OomVictim | undefined {
  const start = record.indexOf('oom-kill:')
  if (start < 0) return undefined
  const text = record.slice(start + 'oom-kill:'.length).split('\n', 1)[0]!
  const field = (name: string) => new RegExp(`(?:^|,)${name}=([^,]*)`).exec(text)?.[1]
  const taskCgroup = field('task_memcg')
  const pid = Number(field('pid'))
  if (taskCgroup === undefined || !Number.isInteger(pid)) return undefined
  return {
    taskCgroup,
    limitCgroup: field('oom_memcg') ?? '',
    pid,
    // A task can call itself what it likes, a comma included.
    processName: /,task=(.*),pid=\d+,uid=\d+$/.exec(text.trimEnd())?.[1] ?? '',
    constraint: field('constraint') ?? '',
  }
}

function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string' ? error.code : String(error)
}
