import { realpathSync } from 'node:fs'
import type { Container } from '../container.ts'
import type { ContainerHistory } from '../history/container-history.ts'
import type { History } from '../history/history.ts'
import type { ProcessTable } from '../processes/process-table.ts'
import type { Source } from '../source.ts'
import { metricCatalog } from './catalog.ts'
import { containerInfo, familyOf } from './containers-v1.ts'
import { machineStats, specV2, statsV20, statsV21, storageOf } from './containers-v2.ts'
import { allPercentiles, derivedStats } from './derived.ts'
import { listEvents, parseEventRequest } from './events.ts'
import { figuresIn, historyCsv, historyJson, historySpan, ratesJson } from './extensions.ts'
import { attributes, machineInfo } from './machine.ts'
import { CadvisorError, dockerContainers, findContainer, findDockerContainer, parseV1Request, parseV2Request } from './request.ts'
import type { Query, V2Request } from './request.ts'
import type { StatsContext } from './stats.ts'

/** What the API answers from. */
export interface ApiSource {
  readonly source: Source
  /** Without it percentiles and courses are absent. */
  readonly history?: History
  /** Without it processes are. */
  readonly processes?: ProcessTable
  readonly version: string
}

/** A request behind `/api/<version>/<type>/`. */
export interface ApiCall extends ApiSource {
  readonly nowMs: number
  /** What follows the type, with a leading slash: `/docker/<id>`. */
  readonly name: string
  readonly query: Query
  readonly body: unknown
}

/** An answer that isn't JSON. */
export class TextAnswer {
  readonly type: string
  readonly text: string
  constructor(type: string, text: string) {
    this.type = type
    this.text = text
  }
}

type Answer = (call: ApiCall) => unknown

const containers: Answer = (call) => {
  const { store } = call.source
  return containerInfo(findContainer(store, call.name), store, parseV1Request(call.body), contextOf(call.source))
}

const subcontainers: Answer = (call) => {
  const { store } = call.source
  findContainer(store, call.name)
  const request = parseV1Request(call.body)
  return familyOf(call.name, store).map((container) => containerInfo(container, store, request, contextOf(call.source)))
}

const docker: Answer = (call) => {
  const { store } = call.source
  const request = parseV1Request(call.body)
  const nameOrId = call.name.slice(1)
  const chosen = nameOrId === '' ? dockerContainers(store) : [findDockerContainer(store, nameOrId)]
  return byName(chosen, (container) => containerInfo(container, store, request, contextOf(call.source)))
}

const machine: Answer = ({ source, nowMs }) => machineInfo(source.machine(), source.fileSystems(), nowMs)
const events: Answer = ({ source, name, query }) => listEvents(source.store, parseEventRequest(name, query))

const v10 = { containers, machine }
const v11 = { ...v10, subcontainers }
const v12 = { ...v11, docker }
const v13 = { ...v12, events }

const v20: Readonly<Record<string, Answer>> = {
  version: ({ version }) => version,
  attributes: ({ source, version, nowMs }) =>
    attributes(source.machine(), source.fileSystems(), { docker: source.docker(), version, nowMs }),
  machine,
  events,
  summary: (call) => byName(chosenV2(call), (container) => derivedStats(container, call.history?.of(container.description.name))),
  stats: (call) => byName(chosenV2(call), (container) => statsV20(container, requestOf(call), contextOf(call.source))),
  spec: (call) => byName(chosenV2(call), specV2),
  storage: ({ source, query }) => {
    const all = storageOf(source.fileSystems(), source.imageFileSystem())
    const { label, uuid } = query
    if (uuid !== undefined && uuid !== '') {
      const device = deviceOfUuid(uuid)
      const found = all.find((system) => system.device === device)
      if (found === undefined) throw new CadvisorError(`uuid: no filesystem with UUID ${JSON.stringify(uuid)} is mounted`)
      return found
    }
    return label !== undefined && label !== '' ? all.filter(({ labels }) => labels?.includes(label)) : all
  },
  ps: async (call) => {
    if (call.processes === undefined) throw new CadvisorError('ps: this collector does not look at processes', 501)
    const [container] = chosenV2({ ...call, query: { ...call.query, recursive: 'false' } })
    return call.processes.list(container?.description.name ?? '/')
  },
  // No container's own metrics are gathered, so none has any.
  appmetrics: (call) => {
    chosenV2(call)
    return { [call.name]: {} }
  },
}

const v21: Readonly<Record<string, Answer>> = {
  ...v20,
  stats: (call) => {
    const chosen = chosenV2(call).filter(({ description }) => description.name !== '/')
    const context = contextOf(call.source)
    return byName(chosen, (container) => ({ spec: specV2(container), stats: statsV21(container, requestOf(call), context) }))
  },
  machinestats: (call) => {
    freshen(call)
    return machineStats(findContainer(call.source.store, '/'), requestOf(call), contextOf(call.source))
  },
  // From here on what upstream doesn't have.
  rates: (call) => byName(chosenV2(call), (container) => ratesJson(container, call.query)),
  percentiles: (call) => {
    const names = figuresIn(call.query)
    return byName(chosenV2(call), (container) => allPercentiles(container, historyOf(call, container), names))
  },
  history: (call) => {
    const chosen = chosenV2(call)
    if (call.query['format'] !== 'csv') {
      return byName(chosen, (container) => historyJson(historySpan(container, historyOf(call, container), call.query, call.nowMs)))
    }
    const [only, ...others] = chosen
    if (only === undefined || others.length > 0) throw new CadvisorError('format: csv is for one container, not for several')
    return new TextAnswer('text/csv; charset=utf-8', historyCsv(historySpan(only, historyOf(call, only), call.query, call.nowMs)))
  },
  catalog: () => metricCatalog(),
}

/** Every version with what it offers. A version offers what the one before does. */
const versions: Readonly<Record<string, Readonly<Record<string, Answer>>>> = {
  'v1.0': v10,
  'v1.1': v11,
  'v1.2': v12,
  'v1.3': v13,
  'v2.0': v20,
  'v2.1': v21,
}

const supported = Object.keys(versions).join(',')

/** The answer to `/api/<version>/<type>…`, maybe a promise or a `TextAnswer`. Throws `CadvisorError` with upstream's status codes. */
export function answer(version: string, type: string, call: ApiCall): unknown {
  const types = Object.hasOwn(versions, version) ? versions[version] : undefined
  if (version === '') throw new CadvisorError(`Supported API versions: ${supported}`, 400)
  if (types === undefined) throw new CadvisorError(`unsupported API version ${JSON.stringify(version)}, supported are ${supported}`)
  const handler = Object.hasOwn(types, type) ? types[type] : undefined
  if (type === '') throw new CadvisorError(`Supported request types: ${Object.keys(types).join(',')}`, 400)
  if (handler === undefined)
    throw new CadvisorError(`unknown request type ${JSON.stringify(type)}, ${version} has ${Object.keys(types).join(',')}`)
  return handler(call)
}

function requestOf({ query, nowMs }: ApiCall): V2Request {
  return parseV2Request(query, nowMs)
}

function chosenV2(call: ApiCall): Container[] {
  const { store } = call.source
  const { type, isRecursive } = requestOf(call)
  freshen(call)
  if (type === 'docker') return call.name === '/' ? dockerContainers(store) : [findDockerContainer(store, call.name.slice(1))]
  const container = findContainer(store, call.name)
  return isRecursive ? familyOf(call.name, store) : [container]
}

function freshen(call: ApiCall): void {
  const { maxAgeMs } = requestOf(call)
  if (maxAgeMs !== undefined) call.source.freshen?.(maxAgeMs)
}

/** Empty for a container that is too young to have been taken in. */
function historyOf({ history }: ApiCall, { description }: Container): ContainerHistory {
  const own = history?.of(description.name)
  if (own === undefined) throw new CadvisorError(`no history of ${JSON.stringify(description.name)} is held yet`, 404)
  return own
}

function deviceOfUuid(uuid: string): string | undefined {
  if (!/^[\w-]+$/.test(uuid)) throw new CadvisorError(`uuid: ${JSON.stringify(uuid)} is not allowed, letters, digits, _ and - are`)
  try {
    return realpathSync(`/dev/disk/by-uuid/${uuid}`)
  } catch {
    return undefined
  }
}

function byName<T>(chosen: readonly Container[], of: (container: Container) => T): Record<string, T> {
  return Object.fromEntries(chosen.filter(({ ring }) => ring.count > 0).map((container) => [container.description.name, of(container)]))
}

function contextOf(source: Source): StatsContext {
  const names = new Map(source.machine().disks.map(({ major, minor, name }) => [`${major}:${minor}`, `/dev/${name}`]))
  return {
    deviceOf: (majorMinor) => names.get(majorMinor) ?? '',
    fileSystems: source.fileSystems(),
    storage: source.imageFileSystem(),
    root: source.store.get('/')?.ring,
  }
}
