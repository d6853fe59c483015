import type { Container } from '../container.ts'
import type { Source } from '../source.ts'
import { containerInfo, familyOf } from './containers-v1.ts'
import { machineStats, specV2, statsV20, statsV21, storageOf } from './containers-v2.ts'
import { derivedStats } from './derived.ts'
import { listEvents } from './events.ts'
import { attributes, machineInfo } from './machine.ts'
import { CadvisorError, dockerContainers, findContainer, findDockerContainer, parseV1Request, parseV2Request } from './request.ts'
import type { StatsContext } from './stats.ts'

/** A request behind `/api/<version>/<type>/`. */
export interface ApiCall {
  readonly source: Source
  readonly version: string
  readonly nowMs: number
  /** What follows the type, with a leading slash: `/docker/<id>`. */
  readonly name: string
  readonly query: Readonly<Record<string, unknown>>
  readonly body: unknown
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
const events: Answer = ({ source, name, query }) => listEvents(source.store, name, query)

const notWatched =
  (what: string): Answer =>
  () => {
    throw new CadvisorError(`${what} is not available from this collector`, 501)
  }

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
  summary: (call) => byName(chosenV2(call), derivedStats),
  stats: (call) => byName(chosenV2(call), (container) => statsV20(container, parseV2Request(call.query).count, contextOf(call.source))),
  spec: (call) => byName(chosenV2(call), specV2),
  storage: ({ source, query }) => {
    const all = storageOf(source.fileSystems(), source.imageFileSystem())
    const label = query['label']
    return typeof label === 'string' ? all.filter(({ labels }) => labels.includes(label)) : all
  },
  ps: notWatched('ps'),
  appmetrics: notWatched('appmetrics'),
}

const v21: Readonly<Record<string, Answer>> = {
  ...v20,
  stats: (call) => {
    const { count } = parseV2Request(call.query)
    const chosen = chosenV2(call).filter(({ description }) => description.name !== '/')
    return byName(chosen, (container) => ({ spec: specV2(container), stats: statsV21(container, count, contextOf(call.source)) }))
  },
  machinestats: (call) => machineStats(findContainer(call.source.store, '/'), parseV2Request(call.query).count, contextOf(call.source)),
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

/** The answer to `/api/<version>/<type>…`. Throws `CadvisorError` with upstream's status codes. */
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

function chosenV2({ source: { store }, name, query }: ApiCall): Container[] {
  const { type, isRecursive } = parseV2Request(query)
  if (type === 'docker') return name === '/' ? dockerContainers(store) : [findDockerContainer(store, name.slice(1))]
  const container = findContainer(store, name)
  return isRecursive ? familyOf(name, store) : [container]
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
  }
}
