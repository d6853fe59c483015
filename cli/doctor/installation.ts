import { existsSync, readdirSync, readFileSync, statfsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { isAlive } from '../../lib/process-identity.ts'
import { inspectCertificate } from '../../lib/pki.ts'
import type { ProcessState } from '../../lib/supervision.ts'
import type { DataFolder } from '../data-folder.ts'
import { isRunning } from '../state.ts'
import { ok, problem, warn } from './finding.ts'
import type { Finding } from './finding.ts'
import type { Examination, Installation } from './subject.ts'

const lowDiskBytes = 1 << 30
const noDiskBytes = 64 << 20
const soonMs = 14 * 86_400_000

/** The data folder, its disk, the certificates and the processes of a cluster on this machine. */
export const installationExamination: Examination = {
  name: 'installation',
  examine: async ({ installation, now }) => {
    if (installation === undefined) return []
    const { folder } = installation
    return [...examineDisk(folder), ...examineCertificates(folder, now), ...examineProcesses(installation)]
  },
}

function examineDisk({ root, path }: DataFolder): Finding[] {
  const { bavail, bsize } = statfsSync(root)
  const free = bavail * bsize
  const where = `data folder ${root}`
  const text = `${formatBytes(free)} free`
  const room =
    free < noDiskBytes
      ? [problem(where, text, 'make room: nothing can be stored or spooled without')]
      : free < lowDiskBytes
        ? [warn(where, text, 'make room soon')]
        : [ok(where, text)]
  const spool = path('spool')
  if (!existsSync(spool)) return room
  const waiting = sizeOf(spool, /\.spool$/)
  const refused = sizeOf(spool, /^refused.*\.jsonl$/)
  return [
    ...room,
    ...(waiting > 0
      ? [
          warn(
            'spool',
            `${formatBytes(waiting)} wait on disk for a destination`,
            'see the sinks below; they are sent when the destination is back',
          ),
        ]
      : []),
    ...(refused > 0
      ? [warn('spool', `${formatBytes(refused)} of refused points are kept`, `read ${spool}/*/refused.jsonl for the reasons`)]
      : []),
  ]
}

/** Files of the folder and of those in it. */
function sizeOf(folder: string, pattern: RegExp): number {
  let bytes = 0
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const file = join(folder, entry.name)
    if (entry.isDirectory()) bytes += sizeOf(file, pattern)
    // An open segment without a record has its header only.
    else if (pattern.test(entry.name)) bytes += Math.max(0, statSync(file).size - 4)
  }
  return bytes
}

function examineCertificates({ path }: DataFolder, now: number): Finding[] {
  const pki = path('pki')
  if (!existsSync(pki)) return [problem('certificates', `there is no folder ${pki}`, '`npm start` makes it')]
  const findings: Finding[] = []
  for (const name of readdirSync(pki).filter((file) => file.endsWith('.crt'))) {
    const where = `certificate ${name}`
    try {
      const { notAfter } = inspectCertificate(readFileSync(join(pki, name), 'utf8'))
      const until = new Date(notAfter).toISOString().slice(0, 10)
      if (notAfter < now)
        findings.push(problem(where, `ended on ${until}`, 'restart with `npm start`: it makes those anew that have ended'))
      else if (notAfter - now < soonMs) findings.push(warn(where, `ends on ${until}`, 'a restart before that day makes a new one'))
    } catch (error) {
      findings.push(problem(where, `cannot be read: ${(error as Error).message}`, 'take the file away and restart: it is made anew'))
    }
  }
  return findings.length > 0 ? findings : [ok('certificates', 'none ends within two weeks')]
}

function examineProcesses({ folder, state }: Installation): Finding[] {
  if (!isRunning(state)) return [problem('processes', `Binnacle does not run for ${folder.root}`, '`npm start` brings it up')]
  return state.processes.map((row) => examineProcess(row, folder))
}

function examineProcess({ name, identity, state, restarts, lastExit }: ProcessState, folder: DataFolder): Finding {
  const where = `process ${name}`
  const log = `read ${folder.logFile(name)}`
  if (identity === undefined || !isAlive(identity))
    return problem(where, `does not run (${lastExit ?? state})`, `it is started again with backoff; ${log}`)
  if (state !== 'ready') return problem(where, `runs and is not ready: ${state}`, log)
  if (restarts > 0) return warn(where, `runs, after ${restarts} restarts (last: ${lastExit ?? 'unknown'})`, log)
  return ok(where, `ready, pid ${identity.pid}`)
}

/** `1.5 GiB`. */
export function formatBytes(bytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB']
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log2(Math.max(1, bytes)) / 10)))
  return `${power === 0 ? bytes : (bytes / 1024 ** power).toFixed(1)} ${units[power]}`
}
