import type { CoreV1Node, CoreV1Pod } from '../api/generated/kinds.ts'
import { groupLabel } from './fake-provider.ts'

/** A ready node of 4 cores and 8 GiB. */
export const testNode = (
  name: string,
  { group, labels = {}, cpu = '4' }: { group?: string; labels?: Record<string, string>; cpu?: string } = {},
): CoreV1Node => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name, labels: { 'kubernetes.io/hostname': name, ...(group === undefined ? {} : { [groupLabel]: group }), ...labels } },
  spec: {},
  status: { allocatable: { cpu, memory: '8Gi', pods: '110' }, conditions: [{ type: 'Ready', status: 'True' }] },
})

/** A pod of a ReplicaSet that asks for so much CPU. */
export const testPod = (
  name: string,
  cpu: string,
  spec: Partial<CoreV1Pod['spec']> = {},
  metadata: Partial<CoreV1Pod['metadata']> = {},
): CoreV1Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name,
    namespace: 'default',
    uid: name,
    ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'rs', uid: 'rs', controller: true }],
    ...metadata,
  },
  spec: { containers: [{ name: 'c', image: 'i', resources: { requests: { cpu } } }], ...spec },
})
