import type { Hierarchy } from './cgroup/hierarchy.ts'
import type { MissingFile } from './container-files.ts'
import type { DockerState } from './docker/docker-source.ts'
import type { PassCost } from './housekeeping.ts'
import type { MachineInfo } from './machine/machine-info.ts'
import type { Finding, SelfFigure } from './source.ts'
import type { StatsStore } from './stats-store.ts'

export interface SelfInput {
  readonly cost: PassCost
  readonly disk: { readonly walks: number; readonly files: number; readonly tooLarge: number }
  readonly docker: { readonly reconnects: number; readonly inspections: number }
  readonly dockerState: DockerState
  readonly watchedFolders: number
  readonly store: { readonly containers: number; readonly bytes: number; readonly refused: number }
}

/** What the collector's own work costs. */
export function selfFiguresOf({ cost, disk, docker, dockerState, watchedFolders, store }: SelfInput): SelfFigure[] {
  const counter = (name: string, help: string, value: number): SelfFigure => ({ name, type: 'counter', help, value })
  const gauge = (name: string, help: string, value: number): SelfFigure => ({ name, type: 'gauge', help, value })
  const { slowestFile } = cost
  return [
    counter('passes_total', 'Passes over all containers', cost.passes),
    counter('skipped_passes_total', 'Passes left out because the one before took too long', cost.skippedTicks),
    counter('pass_seconds_total', 'Time spent in passes', cost.totalPassMs / 1000),
    gauge('last_pass_seconds', 'Time of the last pass', cost.lastPassMs / 1000),
    counter('container_reads_total', 'Containers read, over all passes', cost.containersRead),
    gauge('open_files', 'Descriptors kept open', cost.openFiles),
    ...(slowestFile === undefined
      ? []
      : [
          {
            ...gauge('slowest_file_seconds', 'Time of the slowest file read lately', slowestFile.durationMs / 1000),
            labels: { path: slowestFile.path },
          },
        ]),
    gauge('containers', 'Containers recorded', store.containers),
    gauge('store_bytes', 'Bytes of samples held', store.bytes),
    counter('refused_containers_total', 'Containers not recorded because the store was full', store.refused),
    counter('disk_walks_total', 'Walks over writable layers', disk.walks),
    counter('disk_walk_files_total', 'Files looked at by those walks', disk.files),
    counter('disk_walks_given_up_total', 'Walks given up because of too many files', disk.tooLarge),
    gauge('docker_connected', '1 when Docker answers', dockerState.status === 'connected' ? 1 : 0),
    counter('docker_reconnects_total', 'Reconnections to Docker', docker.reconnects),
    counter('docker_inspections_total', 'Containers inspected', docker.inspections),
    gauge('watched_folders', 'Folders of cgroups watched for changes', watchedFolders),
  ]
}

export interface FindingsInput {
  readonly hierarchy: Hierarchy
  readonly machine: MachineInfo
  readonly docker: DockerState
  readonly missing: ReadonlyMap<string, readonly MissingFile[]>
  readonly watchProblem: string | undefined
  readonly store: StatsStore
}

/** What error codes mean to a person. */
const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'the kernel has no such file here',
  EACCES: 'permission denied: run as root or give the collector CAP_DAC_READ_SEARCH',
  EPERM: 'not permitted: run as root',
  EMFILE: 'too many open files: raise the limit of descriptors (ulimit -n)',
  ENFILE: 'too many open files on the machine',
  EOPNOTSUPP: 'switched off in the kernel',
}

/** What can be read and what is missing, and why. */
export function findingsOf({ hierarchy, machine, docker, missing, watchProblem, store }: FindingsInput): Finding[] {
  const findings: Finding[] = [
    {
      level: machine.cores > 0 ? 'ok' : 'problem',
      subject: 'machine',
      text: `${machine.osVersion}, kernel ${machine.kernelVersion}, ${machine.cores} cores`,
    },
    hierarchyFinding(hierarchy),
    dockerFinding(docker),
    { level: 'ok', subject: 'store', text: `${store.size} containers, ${store.bytes} bytes of samples, ${store.refused} refused` },
  ]
  if (watchProblem !== undefined) {
    const text = `${watchProblem}: new plain cgroups are found by the sweep only; raise fs.inotify.max_user_watches`
    findings.push({ level: 'problem', subject: 'watching', text })
  }
  return [...findings, ...missingFindings(missing)]
}

function hierarchyFinding({ version, controllers }: Hierarchy): Finding {
  if (version === 'none')
    return { level: 'problem', subject: 'cgroups', text: 'none mounted: only figures of the whole machine from /proc' }
  const trees = version === 'v2' ? '' : `, controllers ${[...controllers.keys()].join(' ')}`
  return { level: 'ok', subject: 'cgroups', text: `version ${version}${trees}` }
}

function dockerFinding(docker: DockerState): Finding {
  if (docker.status === 'connected')
    return { level: 'ok', subject: 'docker', text: `${docker.info.version}, storage ${docker.info.storageDriver}` }
  const reason = docker.status === 'degraded' ? docker.reason : 'not connected yet'
  return { level: 'problem', subject: 'docker', text: `${reason}: containers have figures, but no names, labels, network and disk use` }
}

function missingFindings(missing: ReadonlyMap<string, readonly MissingFile[]>): Finding[] {
  const byFile = new Map<string, { readonly file: MissingFile; count: number; readonly example: string }>()
  for (const [name, files] of missing) {
    for (const file of files) {
      const key = `${file.path.slice(file.path.lastIndexOf('/') + 1)} ${file.problem}`
      const known = byFile.get(key)
      if (known === undefined) byFile.set(key, { file, count: 1, example: name })
      else known.count++
    }
  }
  return [...byFile.values()].map(({ file, count, example }) => ({
    level: file.isOptional ? 'missing' : 'problem',
    subject: file.path.slice(file.path.lastIndexOf('/') + 1),
    text: `${file.missing.join(', ') || 'nothing'} absent for ${count} cgroups (${example}): ${file.problem}, ${reasons[file.problem] ?? 'see errno(3)'}`,
  }))
}
