import { expect, test } from 'vitest'
import type { CoreV1Node, CoreV1PersistentVolume, CoreV1Pod, StorageV1VolumeAttachment } from '../../api/generated/kinds.ts'
import { attachmentName, inUseName } from '../../api/volume-attachments.ts'
import { testNode } from '../test-cluster.ts'
import { planAttachments } from './attachments.plan.ts'
import type { AttachmentsInput, AttachmentsPlan } from './attachments.plan.ts'

const nowMs = Date.UTC(2030, 0, 1)
const driver = 'd.test'
const handle = 'h'
const volume = (...accessModes: string[]): CoreV1PersistentVolume => ({
  apiVersion: 'v1',
  kind: 'PersistentVolume',
  metadata: { name: 'v' },
  spec: { accessModes, csi: { driver, volumeHandle: handle } },
})
const pod = (name: string, nodeName: string, namespace = 'default'): CoreV1Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace },
  spec: { nodeName, containers: [] },
})
const attachment = (nodeName: string, isGoing = false): StorageV1VolumeAttachment => ({
  apiVersion: 'storage.k8s.io/v1',
  kind: 'VolumeAttachment',
  metadata: { name: attachmentName(handle, driver, nodeName), ...(isGoing ? { deletionTimestamp: '2030-01-01T00:00:00Z' } : {}) },
  spec: { attacher: driver, nodeName, source: { persistentVolumeName: 'v' } },
})
/** A node that has the volume mounted, silent for some minutes. */
const using = (silentMinutes: number, taints: { key: string; effect: string }[] = []): CoreV1Node => ({
  ...testNode('a'),
  spec: { taints },
  status: {
    volumesInUse: [inUseName(handle, driver)],
    conditions: [
      {
        type: 'Ready',
        status: silentMinutes === 0 ? 'True' : 'Unknown',
        lastTransitionTime: new Date(nowMs - silentMinutes * 60_000).toISOString(),
      },
    ],
  },
})

const plan = (more: Partial<AttachmentsInput>) =>
  planAttachments({ volume: volume('ReadWriteOnce'), pods: [], attachments: [], node: (name) => testNode(name), nowMs, ...more })
const words = ({ attach, detach, refused, lookAgainMs }: AttachmentsPlan) => ({
  attach: attach.map(({ spec }) => spec.nodeName),
  detach,
  refused: refused.map(({ message }) => message),
  ...(lookAgainMs === undefined ? {} : { lookAgainMs }),
})
const none = { attach: [], detach: [], refused: [] }
const [onA, onB] = [attachment('a'), attachment('b')]
const multi = 'Multi-Attach error for volume "v" Volume is already'

const cases: readonly (readonly [string, Partial<AttachmentsInput>, Partial<ReturnType<typeof words>>])[] = [
  ['a pod’s node gets it', { pods: [pod('p', 'a'), pod('q', 'a')] }, { attach: ['a'] }],
  ['what is attached stays', { pods: [pod('p', 'a')], attachments: [onA] }, {}],
  ['nobody’s goes', { attachments: [onA] }, { detach: [onA.metadata.name!] }],
  ['what is going is let go', { attachments: [attachment('a', true)] }, {}],
  ['what is mounted stays', { attachments: [onA], node: () => using(0) }, {}],
  ['even of a node that has just fallen silent', { attachments: [onA], node: () => using(5) }, { lookAgainMs: 60_000 }],
  ['but not of one silent for long', { attachments: [onA], node: () => using(6) }, { detach: [onA.metadata.name!] }],
  [
    'nor of one that is out of service',
    { attachments: [onA], node: () => using(1, [{ key: 'node.kubernetes.io/out-of-service', effect: 'NoExecute' }]) },
    { detach: [onA.metadata.name!] },
  ],
  ['nor of one that is gone', { attachments: [onA], node: () => undefined }, { detach: [onA.metadata.name!] }],
  [
    'an exclusive one goes nowhere else while a pod has it',
    { pods: [pod('p', 'a'), pod('q', 'b')], attachments: [onA] },
    { refused: [`${multi} used by pod(s) p`] },
  ],
  [
    'nor while it is going from there',
    { pods: [pod('q', 'b')], attachments: [attachment('a', true)] },
    { refused: [`${multi} exclusively attached to one node and can't be attached to another`] },
  ],
  [
    'pods of others are not named',
    { pods: [pod('p', 'a', 'secret'), pod('q', 'b')], attachments: [onA] },
    { refused: [`${multi} used by 1 pod(s) in different namespaces`] },
  ],
  ['one of two pods comes first', { pods: [pod('p', 'a'), pod('q', 'b')] }, { attach: ['a'], refused: [`${multi} used by pod(s) p`] }],
  [
    'a shared one goes wherever it is needed',
    { volume: volume('ReadWriteMany', 'ReadWriteOnce'), pods: [pod('p', 'a'), pod('q', 'c')], attachments: [onB] },
    { attach: ['a', 'c'], detach: [onB.metadata.name!] },
  ],
]

test.each(cases)('%s', (_, input, expected) => {
  expect(words(plan(input))).toEqual({ ...none, ...expected })
})
