/** What `/proc/PID/stat` says. */
export interface ProcessStat {
  readonly pid: number
  readonly command: string
  readonly parentPid: number
  readonly cpuTicks: number
  readonly startTicks: number
  readonly virtualBytes: number
  readonly residentPages: number
  readonly core: number
  /** State and flags as `ps` writes them. */
  readonly status: (hasLockedMemory: boolean) => string
}

/** Reads the line of `/proc/PID/stat`; the command may have blanks and brackets. `undefined` for what is no such line. */
export function parseStat(text: string): ProcessStat | undefined {
  const [, pid, command, rest] = /^(\d+) \((.*)\) (.*)$/s.exec(text.trimEnd()) ?? []
  if (pid === undefined || command === undefined || rest === undefined) return undefined
  const [state = '?', ...fields] = rest.split(' ')
  /** By the number that proc(5) gives the field. */
  const at = (number: number) => Number(fields[number - 4])
  return {
    pid: Number(pid),
    command,
    parentPid: at(4),
    cpuTicks: at(14) + at(15),
    startTicks: at(22),
    virtualBytes: at(23),
    residentPages: at(24),
    core: at(39),
    status: (hasLockedMemory) =>
      [
        state,
        at(19) < 0 ? '<' : at(19) > 0 ? 'N' : '',
        hasLockedMemory ? 'L' : '',
        at(6) === Number(pid) ? 's' : '',
        at(20) > 1 ? 'l' : '',
        at(8) === at(5) ? '+' : '',
      ].join(''),
  }
}

/** Reads `/proc/PID/status`: the effective user, and whether memory is locked. */
export function parseStatus(text: string): { readonly uid: number | undefined; readonly hasLockedMemory: boolean } {
  const uid = /^Uid:\s+\d+\s+(\d+)/m.exec(text)?.[1]
  return { uid: uid === undefined ? undefined : Number(uid), hasLockedMemory: Number(/^VmLck:\s+(\d+)/m.exec(text)?.[1] ?? 0) > 0 }
}

/** CPU time as `ps` writes it. */
export function runningTime(seconds: number): string {
  const whole = Math.floor(seconds)
  const two = (value: number) => String(value).padStart(2, '0')
  const days = Math.floor(whole / 86_400)
  const clock = `${two(Math.floor(whole / 3600) % 24)}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`
  return days > 0 ? `${days}-${clock}` : clock
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** A start as `ps` writes it, in the machine's time zone. */
export function startTime(startedMs: number, nowMs: number): string {
  const started = new Date(startedMs)
  const now = new Date(nowMs)
  const two = (value: number) => String(value).padStart(2, '0')
  if (started.getFullYear() !== now.getFullYear()) return String(started.getFullYear())
  if (started.getMonth() === now.getMonth() && started.getDate() === now.getDate())
    return `${two(started.getHours())}:${two(started.getMinutes())}`
  return `${months[started.getMonth()]!}${two(started.getDate())}`
}
