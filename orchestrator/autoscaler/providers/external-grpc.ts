import type { Clock } from '../../../lib/clock.ts'
import { GrpcError, grpcStatus, openGrpcChannel } from '../../../lib/grpc.ts'
import type { GrpcTls } from '../../../lib/grpc.ts'
import type { CoreV1Node } from '../../api/generated/kinds.ts'
import { decodeProtobuf, protobufMagic } from '../../api/protobuf.ts'
import type { CloudProvider, GroupOptions, Instance, NodeGroup } from '../provider.ts'
import { externalGrpcMethods } from './external-grpc-messages.ts'

const states = ['unknown', 'running', 'creating', 'deleting'] as const

export interface ExternalGrpcOptions {
  /** `host:port` or `unix:/path`. */
  readonly address: string
  /** With it both sides prove who they are; without it nothing is encrypted. */
  readonly tls?: GrpcTls
  readonly timeoutMs: number
  readonly clock: Clock
}

interface GrpcNode {
  readonly providerID: string
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
}

interface GrpcDuration {
  readonly seconds?: number
  readonly nanos?: number
}

interface GrpcOptions {
  readonly scaleDownUtilizationThreshold?: number
  readonly scaleDownUnneededDuration?: GrpcDuration
  readonly scaleDownUnreadyDuration?: GrpcDuration
  readonly maxNodeProvisionDuration?: GrpcDuration
}

interface GrpcInstance {
  readonly id?: string
  readonly status?: {
    readonly instanceState?: number
    readonly errorInfo?: { readonly errorCode?: string; readonly errorMessage?: string }
  }
}

/** A provider in a process of its own, which speaks upstream's `externalgrpc` protocol. */
export function createExternalGrpcProvider({ address, tls, timeoutMs, clock }: ExternalGrpcOptions): CloudProvider {
  const channel = openGrpcChannel(address, clock, tls)
  /** A node's group doesn't change; it is asked for once in each node's life. */
  const groups = new Map<string, string | undefined>()
  const call = <R>(method: keyof typeof externalGrpcMethods, message: object = {}) =>
    channel.call(externalGrpcMethods[method], message, timeoutMs) as Promise<R>

  /** `undefined` where the server doesn't offer the method. */
  async function optional<R>(method: keyof typeof externalGrpcMethods, message: object): Promise<R | undefined> {
    try {
      return await call<R>(method, message)
    } catch (error) {
      if (error instanceof GrpcError && error.code === grpcStatus.unimplemented) return undefined
      throw error
    }
  }

  return {
    name: 'external-grpc',
    refresh: async () => {
      await call('Refresh')
    },
    nodeGroups: async () => {
      const { nodeGroups } = await call<{ nodeGroups: readonly Partial<NodeGroup>[] }>('NodeGroups')
      return nodeGroups.map(({ id = '', minSize = 0, maxSize = 0 }) => ({ id, minSize, maxSize }))
    },
    groupOf: async (node) => {
      const key = node.metadata.uid ?? node.metadata.name!
      if (!groups.has(key)) {
        const { nodeGroup } = await call<{ nodeGroup?: { id?: string } }>('NodeGroupForNode', { node: toGrpcNode(node) })
        if (groups.size >= maxRemembered) groups.clear()
        groups.set(key, (nodeGroup?.id ?? '') === '' ? undefined : nodeGroup!.id)
      }
      return groups.get(key)
    },
    targetSize: async (id) => (await call<{ targetSize?: number }>('NodeGroupTargetSize', { id })).targetSize ?? 0,
    increaseSize: async (id, delta) => {
      await call('NodeGroupIncreaseSize', { id, delta })
    },
    deleteNodes: async (id, nodes) => {
      await call('NodeGroupDeleteNodes', { id, nodes: nodes.map(toGrpcNode) })
    },
    // The protocol wants it negative.
    decreaseTargetSize: async (id, delta) => {
      await call('NodeGroupDecreaseTargetSize', { id, delta: -delta })
    },
    instances: async (id) => (await call<{ instances: readonly GrpcInstance[] }>('NodeGroupNodes', { id })).instances.map(readInstance),
    templateNode: async (id) => {
      const answer = await optional<{ nodeBytes?: Uint8Array }>('NodeGroupTemplateNodeInfo', { id })
      return answer?.nodeBytes === undefined || answer.nodeBytes.length === 0 ? undefined : decodeNode(answer.nodeBytes)
    },
    options: async (id, defaults) => {
      const request = { id, defaults: toGrpcOptions(defaults) }
      const answer = await optional<{ nodeGroupAutoscalingOptions?: GrpcOptions }>('NodeGroupGetOptions', request)
      return answer?.nodeGroupAutoscalingOptions === undefined ? defaults : readOptions(answer.nodeGroupAutoscalingOptions, defaults)
    },
    cleanup: async () => {
      try {
        await call('Cleanup')
      } finally {
        channel.close()
      }
    },
  }
}

/** Nodes whose group is known; more are asked for again. */
const maxRemembered = 20_000

const toGrpcNode = ({ metadata, spec }: CoreV1Node): GrpcNode => ({
  providerID: spec.providerID ?? '',
  name: metadata.name!,
  labels: metadata.labels ?? {},
  annotations: metadata.annotations ?? {},
})

function readInstance({ id = '', status }: GrpcInstance): Instance {
  const { errorCode = '', errorMessage = '' } = status?.errorInfo ?? {}
  const state = states[status?.instanceState ?? 0] ?? 'unknown'
  return { id, state, ...(errorCode === '' ? {} : { error: errorMessage === '' ? errorCode : `${errorCode}: ${errorMessage}` }) }
}

const toDuration = (ms: number): GrpcDuration => ({ seconds: Math.floor(ms / 1000), nanos: (ms % 1000) * 1_000_000 })
const readDuration = ({ seconds = 0, nanos = 0 }: GrpcDuration) => seconds * 1000 + nanos / 1_000_000

const toGrpcOptions = (options: GroupOptions): GrpcOptions => ({
  scaleDownUtilizationThreshold: options.scaleDownUtilizationThreshold,
  scaleDownUnneededDuration: toDuration(options.scaleDownUnneededMs),
  scaleDownUnreadyDuration: toDuration(options.scaleDownUnreadyMs),
  maxNodeProvisionDuration: toDuration(options.maxNodeProvisionMs),
})

function readOptions(own: GrpcOptions, defaults: GroupOptions): GroupOptions {
  const duration = (value: GrpcDuration | undefined, fallback: number) => (value === undefined ? fallback : readDuration(value))
  return {
    scaleDownUtilizationThreshold: own.scaleDownUtilizationThreshold ?? defaults.scaleDownUtilizationThreshold,
    scaleDownUnneededMs: duration(own.scaleDownUnneededDuration, defaults.scaleDownUnneededMs),
    scaleDownUnreadyMs: duration(own.scaleDownUnreadyDuration, defaults.scaleDownUnreadyMs),
    maxNodeProvisionMs: duration(own.maxNodeProvisionDuration, defaults.maxNodeProvisionMs),
  }
}

/** A `v1.Node` as Go's `Marshal` writes it: without the envelope that a server's bodies have. */
function decodeNode(bytes: Uint8Array): CoreV1Node {
  const typeMeta = Buffer.from('\x0a\x0a\x0a\x02v1\x12\x04Node', 'latin1')
  return decodeProtobuf(
    Buffer.concat([Buffer.from(protobufMagic), typeMeta, Buffer.from([0x12]), varint(bytes.length), bytes]),
  ) as CoreV1Node
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = value
  for (; rest > 0x7f; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80)
  bytes.push(rest)
  return Buffer.from(bytes)
}
