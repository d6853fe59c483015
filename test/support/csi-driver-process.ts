import { execFileSync } from 'node:child_process'
import { appendFileSync, existsSync, mkdirSync, readdirSync, rmdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { serveGrpc } from '../../lib/test-grpc-server.ts'
import { csiMethods, registrationMethods } from '../../orchestrator/client/csi/messages.ts'

/**
 * A CSI driver for tests: `csi-driver-process.ts NAME FOLDER NODE [REGISTRATION-SOCKET]`. Volumes are folders in FOLDER/volumes, mounted by binding; it listens at
 * FOLDER/csi.sock. Each call is a line in FOLDER/calls; a file FOLDER/hold-METHOD makes the method do its work and never answer.
 */
const [name = '', folder = '', nodeId = '', registrationSocket] = process.argv.slice(2)
const socket = join(folder, 'csi.sock')

interface Request {
  readonly name?: string
  readonly volumeId?: string
  readonly nodeId?: string
  readonly stagingTargetPath?: string
  readonly targetPath?: string
  readonly readonly?: boolean
  readonly capacityRange?: { readonly requiredBytes?: number }
  readonly volumeContext?: Record<string, string>
  readonly publishContext?: Record<string, string>
  readonly secrets?: Record<string, string>
  readonly volumeCapability?: { readonly block?: object }
}

const grpcError = (code: number, message: string) => Object.assign(new Error(message), { code })
const notFound = 5
const failedPrecondition = 9
const volumePath = (id: string) => join(folder, 'volumes', id)
const sizeFile = (id: string) => join(folder, 'sizes', id)

const isMounted = (path: string) => {
  try {
    execFileSync('mountpoint', ['-q', path])
    return true
  } catch {
    return false
  }
}

function bind(from: string, to: string, isReadOnly = false): void {
  mkdirSync(to, { recursive: true })
  if (isMounted(to)) return
  execFileSync('mount', ['--bind', from, to])
  if (isReadOnly) execFileSync('mount', ['-o', 'remount,bind,ro', to])
}

function unbind(path: string): void {
  if (!existsSync(path)) return
  while (isMounted(path)) execFileSync('umount', [path])
  rmdirSync(path)
}

function requireVolume(id: string | undefined): string {
  if (id === undefined || !existsSync(volumePath(id))) throw grpcError(notFound, `volume ${id} not found`)
  return id
}

const capabilities = (...types: string[]) => ({ capabilities: types.map((type) => ({ rpc: { type } })) })

const methods: Record<string, (request: Request) => object> = {
  GetPluginInfo: () => ({ name, vendorVersion: '1' }),
  GetPluginCapabilities: () => ({
    capabilities: ['CONTROLLER_SERVICE', 'VOLUME_ACCESSIBILITY_CONSTRAINTS'].map((type) => ({ service: { type } })),
  }),
  ControllerGetCapabilities: () => capabilities('CREATE_DELETE_VOLUME', 'PUBLISH_UNPUBLISH_VOLUME', 'EXPAND_VOLUME'),
  CreateVolume: ({ name: id = '', capacityRange }) => {
    mkdirSync(volumePath(id), { recursive: true, mode: 0o755 })
    writeFileSync(sizeFile(id), String(capacityRange?.requiredBytes ?? 0))
    const accessibleTopology = [{ segments: { 'topology.test/host': nodeId } }]
    return {
      volume: { volumeId: id, capacityBytes: capacityRange?.requiredBytes ?? 0, volumeContext: { kind: 'folder' }, accessibleTopology },
    }
  },
  DeleteVolume: ({ volumeId = '' }) => {
    if (existsSync(join(folder, 'attached', volumeId))) throw grpcError(failedPrecondition, `volume ${volumeId} is attached`)
    rmSync(volumePath(volumeId), { recursive: true, force: true })
    rmSync(sizeFile(volumeId), { force: true })
    return {}
  },
  ControllerPublishVolume: ({ volumeId, nodeId: node = '' }) => {
    writeFileSync(join(folder, 'attached', requireVolume(volumeId)), node)
    return { publishContext: { device: `dev-${volumeId}` } }
  },
  ControllerUnpublishVolume: ({ volumeId = '' }) => {
    rmSync(join(folder, 'attached', volumeId), { force: true })
    return {}
  },
  ControllerExpandVolume: ({ volumeId, capacityRange }) => {
    requireVolume(volumeId)
    return { capacityBytes: capacityRange?.requiredBytes ?? 0, nodeExpansionRequired: true }
  },
  NodeGetInfo: () => ({ nodeId, maxVolumesPerNode: 7, accessibleTopology: { segments: { 'topology.test/host': nodeId } } }),
  NodeGetCapabilities: () => capabilities('STAGE_UNSTAGE_VOLUME', 'EXPAND_VOLUME', 'GET_VOLUME_STATS'),
  NodeStageVolume: ({ volumeId, stagingTargetPath = '', publishContext }) => {
    if (publishContext?.['device'] !== `dev-${volumeId}`) throw grpcError(failedPrecondition, 'the volume is not attached')
    bind(volumePath(requireVolume(volumeId)), stagingTargetPath)
    return {}
  },
  NodeUnstageVolume: ({ stagingTargetPath = '' }) => {
    unbind(stagingTargetPath)
    return {}
  },
  NodePublishVolume: ({ volumeId = '', stagingTargetPath = '', targetPath = '', volumeContext, readonly }) => {
    if (volumeContext?.['csi.storage.k8s.io/ephemeral'] === 'true') {
      mkdirSync(volumePath(volumeId), { recursive: true })
      writeFileSync(join(volumePath(volumeId), 'pod'), volumeContext['csi.storage.k8s.io/pod.name'] ?? '')
      bind(volumePath(volumeId), targetPath)
    } else bind(stagingTargetPath, targetPath, readonly)
    return {}
  },
  NodeUnpublishVolume: ({ volumeId = '', targetPath = '' }) => {
    unbind(targetPath)
    // Only volumes that live as long as a pod have such names.
    if (volumeId.startsWith('csi-')) rmSync(volumePath(volumeId), { recursive: true, force: true })
    return {}
  },
  NodeExpandVolume: ({ volumeId, capacityRange }) => {
    writeFileSync(sizeFile(requireVolume(volumeId)), String(capacityRange?.requiredBytes ?? 0))
    return { capacityBytes: capacityRange?.requiredBytes ?? 0 }
  },
  NodeGetVolumeStats: ({ volumeId }) => ({
    usage: [
      { unit: 'BYTES', total: 1000, used: readdirSync(volumePath(requireVolume(volumeId))).length, available: statSync(folder).size },
    ],
  }),
}

for (const each of ['volumes', 'sizes', 'attached']) mkdirSync(join(folder, each), { recursive: true })
rmSync(socket, { force: true })
const handlers = Object.entries(csiMethods).map(([method, definition]) => {
  const handler = async (message: object) => {
    const { volumeId, name: wanted } = message as Request
    appendFileSync(join(folder, 'calls'), `${method} ${volumeId ?? wanted ?? ''}\n`)
    const answer = methods[method]!(message)
    while (existsSync(join(folder, `hold-${method}`))) await sleep(20)
    return answer
  }
  return [definition, handler] as const
})
await serveGrpc(`unix:${socket}`, handlers)
if (registrationSocket !== undefined) {
  rmSync(registrationSocket, { force: true })
  await serveGrpc(`unix:${registrationSocket}`, [
    [registrationMethods.GetInfo, () => ({ type: 'CSIPlugin', name, endpoint: socket, supportedVersions: ['1.0.0'] })],
    [
      registrationMethods.NotifyRegistrationStatus,
      (status) => {
        appendFileSync(join(folder, 'calls'), `registered ${JSON.stringify(status)}\n`)
        return {}
      },
    ],
  ])
}
process.stdout.write('ready\n')
