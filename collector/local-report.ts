import type { Hierarchy } from './cgroup/hierarchy.ts'
import type { MissingFile } from './container-files.ts'
import type { LayerProblem } from './disk-usage.ts'
import type { DockerState } from './docker/docker-source.ts'
import type { PassCost } from './housekeeping.ts'
import type { IntervalState } from './interval-governor.ts'
import type { MachineInfo } from './machine/machine-info.ts'
import { missingFindings } from './missing-findings.ts'
import type { Finding, SelfFigure } from './source.ts'
import type { StatsStore } from './stats-store.ts'
import { unreadSubjects } from './subjects.ts'
import type { Subject } from './subjects.ts'

export interface SelfInput {
  readonly cost: PassCost
  readonly disk: { readonly walks: number; readonly files: number; readonly tooLarge: number; readonly quotas: number }
  readonly docker: { readonly reconnects: number; readonly inspections: number }
  readonly dockerState: DockerState
  readonly watchedFolders: number
  /** Cgroups that are removed but not gone, because something of theirs is still held; NaN where unknown. */
  readonly dyingCgroups: number
  readonly store: { readonly containers: number; readonly bytes: number; readonly refused: number }
}

/** What the collector's own work costs. */
export function selfFiguresOf({ cost, disk, docker, dockerState, watchedFolders, dyingCgroups, store }: SelfInput): SelfFigure[] {
  const counter = (name: string, help: string, value: number): SelfFigure => ({ name, type: 'counter', help, value })
  const gauge = (name: string, help: string, value: number): SelfFigure => ({ name, type: 'gauge', help, value })
  const { slowestFile } = cost
  return [
    counter('passes_total', 'Passes over all containers', cost.passes),
    counter('skipped_passes_total', 'Passes left out because the one before took too long', cost.skippedTicks),
    counter('pass_seconds_total', 'Time spent in passes', cost.totalPassMs / 1000),
    gauge('last_pass_seconds', 'Time of the last pass', cost.lastPassMs / 1000),
    counter('container_reads_total', 'Containers read, over all passes', cost.containersRead),
    gauge('interval_seconds', 'Time between samples now', cost.intervalMs / 1000),
    counter('interval_stretches_total', 'Times that the interval was stretched because reading cost too much', cost.stretches),
    counter('process_files_total', 'Files of processes looked at', cost.processFiles),
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
    counter('disk_quotas_total', 'Layers whose use a quota told without a walk', disk.quotas),
    counter('disk_walks_given_up_total', 'Walks given up because of too many files', disk.tooLarge),
    gauge('docker_connected', '1 when Docker answers', dockerState.status === 'connected' ? 1 : 0),
    counter('docker_reconnects_total', 'Reconnections to Docker', docker.reconnects),
    counter('docker_inspections_total', 'Containers inspected', docker.inspections),
    ...(Number.isNaN(dyingCgroups) ? [] : [gauge('dying_cgroups', 'Cgroups removed, whose memory is still held', dyingCgroups)]),
    gauge('watched_folders', 'Folders of cgroups watched for changes', watchedFolders),
  ]
}

export interface FindingsInput {
  readonly hierarchy: Hierarchy
  readonly machine: MachineInfo
  readonly docker: DockerState
  readonly missing: ReadonlyMap<string, readonly MissingFile[]>
  readonly watchProblem: string | undefined
  readonly interval: IntervalState
  readonly naming: { readonly listProblem: string | undefined; readonly networkProblem: string | undefined; readonly podCount: number }
  /** Whether a list of pods is configured. */
  readonly podList: boolean
  readonly subjects: ReadonlySet<Subject>
  readonly layerProblem: LayerProblem | undefined
  /** Whether a Docker engine is configured. */
  readonly hasEngine: boolean
  readonly store: StatsStore
}

/** What can be read and what is missing, and why. */
export function findingsOf(input: FindingsInput): Finding[] {
  const { hierarchy, machine, missing, watchProblem, store } = input
  const findings: Finding[] = [
    {
      level: machine.cores > 0 ? 'ok' : 'problem',
      subject: 'machine',
      text: `${machine.osVersion}, kernel ${machine.kernelVersion}, ${machine.cores} cores`,
    },
    hierarchyFinding(hierarchy),
    dockerFinding(input),
    ...namingFindings(input),
    ...layerFindings(input),
    { level: 'ok', subject: 'store', text: `${store.size} containers, ${store.bytes} bytes of samples, ${store.refused} refused` },
    ...costFindings(input),
  ]
  if (watchProblem !== undefined) {
    const text = `${watchProblem}: new plain cgroups are found by the sweep only; raise fs.inotify.max_user_watches`
    findings.push({ level: 'problem', subject: 'watching', text })
  }
  return [...findings, ...missingFindings(missing)]
}

function namingFindings({ naming, podList }: FindingsInput): Finding[] {
  const findings: Finding[] = []
  if (podList && naming.listProblem === undefined)
    findings.push({ level: 'ok', subject: 'pods', text: `${naming.podCount} pods in the node's list` })
  if (naming.listProblem !== undefined)
    findings.push({ level: 'problem', subject: 'pods', text: `no list of pods: ${naming.listProblem}; containers have ids, but no names` })
  if (naming.networkProblem !== undefined) {
    const remedy = 'run as root, or give the collector CAP_SYS_PTRACE and the PID namespace of the host'
    findings.push({
      level: 'missing',
      subject: 'network',
      text: `traffic of containers that no runtime names is absent: ${naming.networkProblem} on their network namespace; ${remedy}`,
      missing: { metrics: ['network'], path: '/proc/PID/ns/net', errno: naming.networkProblem, cgroups: 1, example: '', remedy },
    })
  }
  return findings
}

function layerFindings({ layerProblem }: FindingsInput): Finding[] {
  if (layerProblem === undefined) return []
  const { path, errno } = layerProblem
  const remedy = "run as root, with the runtime's folder at the same path as on the host"
  const text = `disk use of writable layers is absent for some containers: ${errno} at ${path}; ${remedy}`
  const metrics = ['fsUsage', 'fsInodes']
  return [{ level: 'missing', subject: 'disk', text, missing: { metrics, path, errno, cgroups: 1, example: '', remedy } }]
}

function costFindings({ interval, subjects }: FindingsInput): Finding[] {
  const findings: Finding[] = []
  if (interval.reason !== undefined)
    findings.push({ level: 'problem', subject: 'cost', text: `samples come ${interval.factor} times less often: ${interval.reason}` })
  const unread = [...subjects].filter((subject) => unreadSubjects.has(subject))
  if (unread.length > 0)
    findings.push({ level: 'missing', subject: 'subjects', text: `${unread.join(', ')}: switched on, but there is no reader for it` })
  return findings
}

function hierarchyFinding({ version, controllers }: Hierarchy): Finding {
  if (version === 'none')
    return { level: 'problem', subject: 'cgroups', text: 'none mounted: only figures of the whole machine from /proc' }
  const trees = version === 'v2' ? '' : `, controllers ${[...controllers.keys()].join(' ')}`
  return { level: 'ok', subject: 'cgroups', text: `version ${version}${trees}` }
}

function dockerFinding({ docker, hasEngine, podList }: FindingsInput): Finding {
  if (docker.status === 'connected')
    return { level: 'ok', subject: 'docker', text: `${docker.info.version}, storage ${docker.info.storageDriver}` }
  const names = podList ? 'names from the list of pods' : 'ids, but no names'
  const text = `containers are known by their cgroups and processes, with ${names} and without labels`
  if (!hasEngine) return { level: 'missing', subject: 'docker', text: `no Docker engine is configured: ${text}` }
  const reason = docker.status === 'degraded' ? docker.reason : 'not connected yet'
  return { level: 'problem', subject: 'docker', text: `${reason}: ${text}` }
}
