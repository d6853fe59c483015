import { messageCodecs } from '../../../lib/protobuf-messages.ts'
import type { MessageTable } from '../../../lib/protobuf-messages.ts'

/** The messages of `clusterautoscaler.cloudprovider.v1.externalgrpc`, as far as they are used here. Enumerations travel as numbers. */
const messages: MessageTable = {
  Empty: {},
  ById: { id: 'string 1' },
  NodeGroup: { id: 'string 1', minSize: 'int32 2', maxSize: 'int32 3', debug: 'string 4' },
  ExternalGrpcNode: { providerID: 'string 1', name: 'string 2', labels: 'map 3', annotations: 'map 4' },
  NodeGroupsResponse: { nodeGroups: 'NodeGroup[] 1' },
  NodeGroupForNodeRequest: { node: 'ExternalGrpcNode 1' },
  NodeGroupForNodeResponse: { nodeGroup: 'NodeGroup 1' },
  GPULabelResponse: { label: 'string 1' },
  NodeGroupTargetSizeResponse: { targetSize: 'int32 1' },
  ChangeSizeRequest: { delta: 'int32 1', id: 'string 2' },
  NodeGroupDeleteNodesRequest: { nodes: 'ExternalGrpcNode[] 1', id: 'string 2' },
  InstanceErrorInfo: { errorCode: 'string 1', errorMessage: 'string 2', instanceErrorClass: 'int32 3' },
  InstanceStatus: { instanceState: 'int32 1', errorInfo: 'InstanceErrorInfo 2' },
  Instance: { id: 'string 1', status: 'InstanceStatus 2' },
  NodeGroupNodesResponse: { instances: 'Instance[] 1' },
  NodeGroupTemplateNodeInfoResponse: { nodeBytes: 'bytes 2' },
  Duration: { seconds: 'int64 1', nanos: 'int32 2' },
  NodeGroupAutoscalingOptions: {
    scaleDownUtilizationThreshold: 'double 1',
    scaleDownGpuUtilizationThreshold: 'double 2',
    zeroOrMaxNodeScaling: 'bool 6',
    ignoreDaemonSetsUtilization: 'bool 7',
    scaleDownUnneededDuration: 'Duration 8',
    scaleDownUnreadyDuration: 'Duration 9',
    maxNodeProvisionDuration: 'Duration 10',
  },
  NodeGroupAutoscalingOptionsRequest: { id: 'string 1', defaults: 'NodeGroupAutoscalingOptions 2' },
  NodeGroupAutoscalingOptionsResponse: { nodeGroupAutoscalingOptions: 'NodeGroupAutoscalingOptions 1' },
}

const codec = messageCodecs(messages)

function method(name: string, request: string, response: string) {
  return {
    path: `/clusterautoscaler.cloudprovider.v1.externalgrpc.CloudProvider/${name}`,
    get request() {
      return codec(request)
    },
    get response() {
      return codec(response)
    },
  }
}

/** The methods of the service that the autoscaler calls. */
export const externalGrpcMethods = {
  NodeGroups: method('NodeGroups', 'Empty', 'NodeGroupsResponse'),
  NodeGroupForNode: method('NodeGroupForNode', 'NodeGroupForNodeRequest', 'NodeGroupForNodeResponse'),
  GPULabel: method('GPULabel', 'Empty', 'GPULabelResponse'),
  Refresh: method('Refresh', 'Empty', 'Empty'),
  Cleanup: method('Cleanup', 'Empty', 'Empty'),
  NodeGroupTargetSize: method('NodeGroupTargetSize', 'ById', 'NodeGroupTargetSizeResponse'),
  NodeGroupIncreaseSize: method('NodeGroupIncreaseSize', 'ChangeSizeRequest', 'Empty'),
  NodeGroupDeleteNodes: method('NodeGroupDeleteNodes', 'NodeGroupDeleteNodesRequest', 'Empty'),
  NodeGroupDecreaseTargetSize: method('NodeGroupDecreaseTargetSize', 'ChangeSizeRequest', 'Empty'),
  NodeGroupNodes: method('NodeGroupNodes', 'ById', 'NodeGroupNodesResponse'),
  NodeGroupTemplateNodeInfo: method('NodeGroupTemplateNodeInfo', 'ById', 'NodeGroupTemplateNodeInfoResponse'),
  NodeGroupGetOptions: method('NodeGroupGetOptions', 'NodeGroupAutoscalingOptionsRequest', 'NodeGroupAutoscalingOptionsResponse'),
} as const
