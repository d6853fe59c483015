import { messageCodecs } from '../../../lib/protobuf-messages.ts'
import type { EnumTable, MessageTable } from '../../../lib/protobuf-messages.ts'

/** The messages of the Container Storage Interface v1 and of the kubelet's plug-in registration, as far as they are used here. */
const messages: MessageTable = {
  Empty: {},
  PluginInfo: { name: 'string 1', vendorVersion: 'string 2', manifest: 'map 3' },
  PluginCapabilities: { capabilities: 'PluginCapability[] 1' },
  PluginCapability: { service: 'PluginService 1', volumeExpansion: 'VolumeExpansion 2' },
  PluginService: { type: 'PluginServiceType 1' },
  VolumeExpansion: { type: 'VolumeExpansionType 1' },

  MountVolume: { fsType: 'string 1', mountFlags: 'string[] 2', volumeMountGroup: 'string 3' },
  AccessMode: { mode: 'AccessModeName 1' },
  VolumeCapability: { block: 'Empty 1', mount: 'MountVolume 2', accessMode: 'AccessMode 3' },
  CapacityRange: { requiredBytes: 'int64 1', limitBytes: 'int64 2' },
  SnapshotSource: { snapshotId: 'string 1' },
  VolumeSource: { volumeId: 'string 1' },
  VolumeContentSource: { snapshot: 'SnapshotSource 1', volume: 'VolumeSource 2' },
  Topology: { segments: 'map 1' },
  TopologyRequirement: { requisite: 'Topology[] 1', preferred: 'Topology[] 2' },
  Volume: {
    capacityBytes: 'int64 1',
    volumeId: 'string 2',
    volumeContext: 'map 3',
    contentSource: 'VolumeContentSource 4',
    accessibleTopology: 'Topology[] 5',
  },

  ControllerCapabilities: { capabilities: 'ControllerCapability[] 1' },
  ControllerCapability: { rpc: 'ControllerRpc 1' },
  ControllerRpc: { type: 'ControllerRpcType 1' },
  CreateVolumeRequest: {
    name: 'string 1',
    capacityRange: 'CapacityRange 2',
    volumeCapabilities: 'VolumeCapability[] 3',
    parameters: 'map 4',
    secrets: 'map 5',
    volumeContentSource: 'VolumeContentSource 6',
    accessibilityRequirements: 'TopologyRequirement 7',
    mutableParameters: 'map 8',
  },
  CreateVolumeResponse: { volume: 'Volume 1' },
  DeleteVolumeRequest: { volumeId: 'string 1', secrets: 'map 2' },
  ControllerPublishRequest: {
    volumeId: 'string 1',
    nodeId: 'string 2',
    volumeCapability: 'VolumeCapability 3',
    readonly: 'bool 4',
    secrets: 'map 5',
    volumeContext: 'map 6',
  },
  ControllerPublishResponse: { publishContext: 'map 1' },
  ControllerUnpublishRequest: { volumeId: 'string 1', nodeId: 'string 2', secrets: 'map 3' },
  ControllerExpandRequest: {
    volumeId: 'string 1',
    capacityRange: 'CapacityRange 2',
    secrets: 'map 3',
    volumeCapability: 'VolumeCapability 4',
  },
  ControllerExpandResponse: { capacityBytes: 'int64 1', nodeExpansionRequired: 'bool 2' },

  NodeInfo: { nodeId: 'string 1', maxVolumesPerNode: 'int64 2', accessibleTopology: 'Topology 3' },
  NodeCapabilities: { capabilities: 'NodeCapability[] 1' },
  NodeCapability: { rpc: 'NodeRpc 1' },
  NodeRpc: { type: 'NodeRpcType 1' },
  NodeStageRequest: {
    volumeId: 'string 1',
    publishContext: 'map 2',
    stagingTargetPath: 'string 3',
    volumeCapability: 'VolumeCapability 4',
    secrets: 'map 5',
    volumeContext: 'map 6',
  },
  NodeUnstageRequest: { volumeId: 'string 1', stagingTargetPath: 'string 2' },
  NodePublishRequest: {
    volumeId: 'string 1',
    publishContext: 'map 2',
    stagingTargetPath: 'string 3',
    targetPath: 'string 4',
    volumeCapability: 'VolumeCapability 5',
    readonly: 'bool 6',
    secrets: 'map 7',
    volumeContext: 'map 8',
  },
  NodeUnpublishRequest: { volumeId: 'string 1', targetPath: 'string 2' },
  NodeExpandRequest: {
    volumeId: 'string 1',
    volumePath: 'string 2',
    capacityRange: 'CapacityRange 3',
    stagingTargetPath: 'string 4',
    volumeCapability: 'VolumeCapability 5',
    secrets: 'map 6',
  },
  NodeExpandResponse: { capacityBytes: 'int64 1' },
  NodeStatsRequest: { volumeId: 'string 1', volumePath: 'string 2', stagingTargetPath: 'string 3' },
  NodeStatsResponse: { usage: 'VolumeUsage[] 1', volumeCondition: 'VolumeCondition 2' },
  VolumeUsage: { available: 'int64 1', total: 'int64 2', used: 'int64 3', unit: 'UsageUnit 4' },
  VolumeCondition: { abnormal: 'bool 1', message: 'string 2' },

  RegistrationInfo: { type: 'string 1', name: 'string 2', endpoint: 'string 3', supportedVersions: 'string[] 4' },
  RegistrationStatus: { pluginRegistered: 'bool 1', error: 'string 2' },
}

const enums: EnumTable = {
  PluginServiceType: { UNKNOWN: 0, CONTROLLER_SERVICE: 1, VOLUME_ACCESSIBILITY_CONSTRAINTS: 2, GROUP_CONTROLLER_SERVICE: 3 },
  VolumeExpansionType: { UNKNOWN: 0, ONLINE: 1, OFFLINE: 2 },
  AccessModeName: {
    UNKNOWN: 0,
    SINGLE_NODE_WRITER: 1,
    SINGLE_NODE_READER_ONLY: 2,
    MULTI_NODE_READER_ONLY: 3,
    MULTI_NODE_SINGLE_WRITER: 4,
    MULTI_NODE_MULTI_WRITER: 5,
    SINGLE_NODE_SINGLE_WRITER: 6,
    SINGLE_NODE_MULTI_WRITER: 7,
  },
  ControllerRpcType: {
    UNKNOWN: 0,
    CREATE_DELETE_VOLUME: 1,
    PUBLISH_UNPUBLISH_VOLUME: 2,
    GET_CAPACITY: 4,
    CLONE_VOLUME: 7,
    PUBLISH_READONLY: 8,
    EXPAND_VOLUME: 9,
    SINGLE_NODE_MULTI_WRITER: 13,
    MODIFY_VOLUME: 14,
  },
  NodeRpcType: {
    UNKNOWN: 0,
    STAGE_UNSTAGE_VOLUME: 1,
    GET_VOLUME_STATS: 2,
    EXPAND_VOLUME: 3,
    VOLUME_CONDITION: 4,
    SINGLE_NODE_MULTI_WRITER: 5,
    VOLUME_MOUNT_GROUP: 6,
  },
  UsageUnit: { UNKNOWN: 0, BYTES: 1, INODES: 2 },
}

const codec = messageCodecs(messages, enums)

const method = (service: string, name: string, request: string, response: string) => ({
  path: `/${service}/${name}`,
  get request() {
    return codec(request)
  },
  get response() {
    return codec(response)
  },
})

/** The methods of CSI, by name. */
export const csiMethods = {
  GetPluginInfo: method('csi.v1.Identity', 'GetPluginInfo', 'Empty', 'PluginInfo'),
  GetPluginCapabilities: method('csi.v1.Identity', 'GetPluginCapabilities', 'Empty', 'PluginCapabilities'),
  CreateVolume: method('csi.v1.Controller', 'CreateVolume', 'CreateVolumeRequest', 'CreateVolumeResponse'),
  DeleteVolume: method('csi.v1.Controller', 'DeleteVolume', 'DeleteVolumeRequest', 'Empty'),
  ControllerPublishVolume: method('csi.v1.Controller', 'ControllerPublishVolume', 'ControllerPublishRequest', 'ControllerPublishResponse'),
  ControllerUnpublishVolume: method('csi.v1.Controller', 'ControllerUnpublishVolume', 'ControllerUnpublishRequest', 'Empty'),
  ControllerGetCapabilities: method('csi.v1.Controller', 'ControllerGetCapabilities', 'Empty', 'ControllerCapabilities'),
  ControllerExpandVolume: method('csi.v1.Controller', 'ControllerExpandVolume', 'ControllerExpandRequest', 'ControllerExpandResponse'),
  NodeGetInfo: method('csi.v1.Node', 'NodeGetInfo', 'Empty', 'NodeInfo'),
  NodeGetCapabilities: method('csi.v1.Node', 'NodeGetCapabilities', 'Empty', 'NodeCapabilities'),
  NodeStageVolume: method('csi.v1.Node', 'NodeStageVolume', 'NodeStageRequest', 'Empty'),
  NodeUnstageVolume: method('csi.v1.Node', 'NodeUnstageVolume', 'NodeUnstageRequest', 'Empty'),
  NodePublishVolume: method('csi.v1.Node', 'NodePublishVolume', 'NodePublishRequest', 'Empty'),
  NodeUnpublishVolume: method('csi.v1.Node', 'NodeUnpublishVolume', 'NodeUnpublishRequest', 'Empty'),
  NodeExpandVolume: method('csi.v1.Node', 'NodeExpandVolume', 'NodeExpandRequest', 'NodeExpandResponse'),
  NodeGetVolumeStats: method('csi.v1.Node', 'NodeGetVolumeStats', 'NodeStatsRequest', 'NodeStatsResponse'),
} as const

/** How a plug-in says to a node agent who it is and where it listens. */
export const registrationMethods = {
  GetInfo: method('pluginregistration.Registration', 'GetInfo', 'Empty', 'RegistrationInfo'),
  NotifyRegistrationStatus: method('pluginregistration.Registration', 'NotifyRegistrationStatus', 'RegistrationStatus', 'Empty'),
} as const
