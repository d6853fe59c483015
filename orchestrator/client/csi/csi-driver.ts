import type { Clock } from '../../../lib/clock.ts'
import { openGrpcChannel } from '../../../lib/grpc.ts'
import { csiMethods } from './messages.ts'

type Texts = Readonly<Record<string, string>>

/** How a volume is to be used: as a block device, or mounted. */
export interface VolumeCapability {
  readonly block?: Readonly<Record<string, never>>
  readonly mount?: { readonly fsType?: string; readonly mountFlags?: readonly string[]; readonly volumeMountGroup?: string }
  readonly accessMode: { readonly mode: string }
}

export interface Topology {
  readonly segments: Texts
}

interface CapacityRange {
  readonly requiredBytes?: number
  readonly limitBytes?: number
}

interface Capabilities {
  readonly capabilities: readonly {
    readonly rpc?: { readonly type?: string }
    readonly service?: { readonly type?: string }
  }[]
}

/** What `CreateVolume` made. */
export interface CreatedVolume {
  readonly volumeId?: string
  readonly capacityBytes?: number
  readonly volumeContext: Texts
  readonly accessibleTopology: readonly Topology[]
}

export interface CreateVolumeRequest {
  readonly name: string
  readonly capacityRange: CapacityRange
  readonly volumeCapabilities: readonly VolumeCapability[]
  readonly parameters: Texts
  readonly secrets: Texts
  readonly volumeContentSource?: { readonly volume: { readonly volumeId: string } }
  readonly accessibilityRequirements?: { readonly requisite: readonly Topology[]; readonly preferred: readonly Topology[] }
}

/** How full a volume is, in bytes or in inodes. */
export interface VolumeUsage {
  readonly available?: number
  readonly total?: number
  readonly used?: number
  readonly unit?: string
}

type None = Readonly<Record<string, never>>

/** Requests and answers by method, as far as they are used. Secrets in them must never be logged. */
interface CsiCalls {
  readonly GetPluginInfo: [None, { readonly name?: string; readonly vendorVersion?: string }]
  readonly GetPluginCapabilities: [None, Capabilities]
  readonly CreateVolume: [CreateVolumeRequest, { readonly volume?: CreatedVolume }]
  readonly DeleteVolume: [{ readonly volumeId: string; readonly secrets: Texts }, None]
  readonly ControllerPublishVolume: [
    {
      readonly volumeId: string
      readonly nodeId: string
      readonly volumeCapability: VolumeCapability
      readonly readonly: boolean
      readonly secrets: Texts
      readonly volumeContext: Texts
    },
    { readonly publishContext: Texts },
  ]
  readonly ControllerUnpublishVolume: [{ readonly volumeId: string; readonly nodeId: string; readonly secrets: Texts }, None]
  readonly ControllerGetCapabilities: [None, Capabilities]
  readonly ControllerExpandVolume: [
    {
      readonly volumeId: string
      readonly capacityRange: CapacityRange
      readonly secrets: Texts
      readonly volumeCapability: VolumeCapability
    },
    { readonly capacityBytes?: number; readonly nodeExpansionRequired?: boolean },
  ]
  readonly NodeGetInfo: [None, { readonly nodeId?: string; readonly maxVolumesPerNode?: number; readonly accessibleTopology?: Topology }]
  readonly NodeGetCapabilities: [None, Capabilities]
  readonly NodeStageVolume: [
    {
      readonly volumeId: string
      readonly publishContext: Texts
      readonly stagingTargetPath: string
      readonly volumeCapability: VolumeCapability
      readonly secrets: Texts
      readonly volumeContext: Texts
    },
    None,
  ]
  readonly NodeUnstageVolume: [{ readonly volumeId: string; readonly stagingTargetPath: string }, None]
  readonly NodePublishVolume: [
    {
      readonly volumeId: string
      readonly publishContext: Texts
      readonly stagingTargetPath?: string
      readonly targetPath: string
      readonly volumeCapability: VolumeCapability
      readonly readonly: boolean
      readonly secrets: Texts
      readonly volumeContext: Texts
    },
    None,
  ]
  readonly NodeUnpublishVolume: [{ readonly volumeId: string; readonly targetPath: string }, None]
  readonly NodeExpandVolume: [
    {
      readonly volumeId: string
      readonly volumePath: string
      readonly stagingTargetPath?: string
      readonly capacityRange: CapacityRange
      readonly volumeCapability: VolumeCapability
      readonly secrets: Texts
    },
    { readonly capacityBytes?: number },
  ]
  readonly NodeGetVolumeStats: [
    { readonly volumeId: string; readonly volumePath: string; readonly stagingTargetPath?: string },
    { readonly usage: readonly VolumeUsage[] },
  ]
}

export type CsiMethod = keyof CsiCalls
export type CsiRequest<M extends CsiMethod> = CsiCalls[M][0]
export type CsiResponse<M extends CsiMethod> = CsiCalls[M][1]

/** A CSI driver. Its methods may be called again with the same request at any time: that is how work goes on after a failure. */
export interface CsiDriver {
  /** Rejects with a `GrpcError`. */
  call<M extends CsiMethod>(method: M, request: CsiRequest<M>): Promise<CsiResponse<M>>
  close(): void
}

/** As long as the kubelet waits for a driver. */
const callTimeoutMs = 120_000

/** The driver that listens at `unix:/path`. */
export function openCsiDriver(endpoint: string, clock: Clock): CsiDriver {
  const channel = openGrpcChannel(endpoint, clock)
  return {
    call: async <M extends CsiMethod>(method: M, request: CsiRequest<M>) => await channel.call(csiMethods[method], request, callTimeoutMs),
    close: () => channel.close(),
  }
}

/** The names of what a driver can do, as one of its three `…Capabilities` methods tells them. */
export async function capabilitiesOf(
  driver: CsiDriver,
  method: 'GetPluginCapabilities' | 'ControllerGetCapabilities' | 'NodeGetCapabilities',
): Promise<ReadonlySet<string>> {
  const { capabilities } = await driver.call(method, {})
  return new Set(capabilities.flatMap(({ rpc, service }) => rpc?.type ?? service?.type ?? []))
}

/** A socket's path as drivers and people write it (`/path`, `unix:/path`, `unix:///path`) as an endpoint; `undefined` for anything else. */
export function csiEndpointOf(text: string): string | undefined {
  const path = text.startsWith('/') ? text : /^unix:(?:\/\/)?(\/.*)$/.exec(text)?.[1]
  return path === undefined ? undefined : `unix:${path}`
}
