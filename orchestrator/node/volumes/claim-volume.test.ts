import { mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { FakeClock } from '../../../lib/fake-clock.ts'
import type { CoreV1PersistentVolume, CoreV1PersistentVolumeClaim } from '../../api/generated/kinds.ts'
import { localDriver } from '../../api/persistent-volumes.ts'
import { testContainer, testPod } from '../pod/pod-fixtures.ts'
import type { ContentInput } from './volume-content.ts'
import { noDrivers, testSource, testTokens } from './volume-fixtures.ts'
import { VolumeManager } from './volume-manager.ts'

let directory: string
let volumes: VolumeManager
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'claims-'))
  volumes = new VolumeManager({ dataDir: directory, clock: new FakeClock(), csi: noDrivers })
})
afterEach(() => rm(directory, { recursive: true }))

const pod = testPod({
  containers: [testContainer('main', { volumeMounts: [{ name: 'data', mountPath: '/data' }] })],
  volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }],
})
const boundClaim: CoreV1PersistentVolumeClaim = {
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: { name: 'data', uid: 'c-1' },
  spec: { volumeName: 'v' },
  status: { phase: 'Bound' },
}
const volume = (spec: NonNullable<CoreV1PersistentVolume['spec']>): CoreV1PersistentVolume => ({
  apiVersion: 'v1',
  kind: 'PersistentVolume',
  metadata: { name: 'v' },
  spec: { claimRef: { uid: 'c-1' }, ...spec },
})
const input = (claim: CoreV1PersistentVolumeClaim | undefined, bound?: CoreV1PersistentVolume): ContentInput => ({
  pod,
  facts: { hostIp: '', podIp: '', allocatable: {} },
  source: testSource({ claim: async () => claim, volume: async () => bound }),
  tokens: testTokens(),
})
const placeOf = async () =>
  (await volumes.mountsOf(pod, pod.spec.containers[0]!, { environment: new Map(), hasRecursiveReadOnly: false }))[0]!.hostPath

it('a folder of this node outlives the pod, and the next pod finds what was written', async () => {
  const bound = volume({ csi: { driver: localDriver, volumeHandle: 'pvc-1' } })
  await volumes.prepare(input(boundClaim, bound))
  await writeFile(join(await placeOf(), 'kept'), 'yes')
  await volumes.remove(pod.metadata.uid!)
  expect(await volumes.list()).toEqual([])
  await volumes.prepare(input(boundClaim, bound))
  expect(await readFile(join(await placeOf(), 'kept'), 'utf8')).toBe('yes')
  expect(await readdir(join(directory, 'volumes'))).toEqual(['pvc-1'])
})

it('a hostPath volume is that path, made if it is not there and its type says so', async () => {
  const path = join(directory, 'shared')
  await volumes.prepare(input(boundClaim, volume({ hostPath: { path, type: 'DirectoryOrCreate' } })))
  expect(await placeOf()).toBe(path)
  expect((await stat(path)).isDirectory()).toBe(true)
})

it('a local volume has to be there', async () => {
  const path = join(directory, 'disk')
  const local = input(boundClaim, volume({ local: { path } }))
  await expect(volumes.prepare(local)).rejects.toThrow(`path "${path}" does not exist`)
  await mkdir(path)
  await volumes.prepare(local)
  expect(await placeOf()).toBe(path)
})

const pending = { ...boundClaim, spec: {}, status: { phase: 'Pending' } }
it.each([
  ['is not there', undefined, undefined, 'persistentvolumeclaim "data" not found'],
  ['has no volume yet', pending, undefined, 'persistentvolumeclaim "data" is not bound to a volume yet (phase Pending)'],
  ['names a volume that is gone', boundClaim, undefined, 'persistentvolume "v" not found'],
  ['names another claim’s volume', boundClaim, volume({ claimRef: { uid: 'other' } }), 'is bound to another claim'],
  [
    'needs a driver',
    boundClaim,
    volume({ csi: { driver: 'ebs.csi.aws.com', volumeHandle: 'x' } }),
    'driver name ebs.csi.aws.com not found in the list of registered CSI drivers',
  ],
  [
    'is on a network disk',
    boundClaim,
    volume({ iscsi: { iqn: 'i', lun: 0, targetPortal: 't' } }),
    'driver name iscsi.csi.k8s.io not found',
  ],
  ['has no source', boundClaim, volume({ storageos: {} }), 'is of kind storageos'],
  [
    'leads out of its folder',
    boundClaim,
    volume({ csi: { driver: localDriver, volumeHandle: '../../etc' } }),
    'volumeHandle "../../etc" is not a name',
  ],
])('a claim that %s keeps the pod waiting, and says why', async (_, claim, bound, message) => {
  await expect(volumes.prepare(input(claim, bound))).rejects.toThrow(message)
})
