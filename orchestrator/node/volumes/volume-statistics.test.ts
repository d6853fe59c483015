import { beforeEach, expect, test } from 'vitest'
import { toTimestamp } from '../../../lib/clock.ts'
import { FakeClock } from '../../../lib/fake-clock.ts'
import { silentLog } from '../../../lib/log.ts'
import type { CoreV1Pod, CoreV1Volume } from '../../api/generated/kinds.ts'
import { testPod } from '../pod/pod-fixtures.ts'
import type { VolumeFigures } from './disk-use.ts'
import { VolumeStatistics } from './volume-statistics.ts'

const figures: VolumeFigures = { usedBytes: 1, availableBytes: 2, capacityBytes: 3, inodesUsed: 4, inodesFree: 5, inodes: 9 }
let clock: FakeClock
let pods: CoreV1Pod[]
let measured: string[]
let measure: (pod: CoreV1Pod, volume: CoreV1Volume) => Promise<VolumeFigures | undefined>
let statistics: VolumeStatistics

beforeEach(() => {
  clock = new FakeClock()
  measured = []
  measure = async () => figures
  pods = [
    testPod(
      {
        volumes: [
          { name: 'data', persistentVolumeClaim: { claimName: 'c' } },
          { name: 'config', configMap: { name: 'x' } },
        ],
      },
      { uid: 'a' },
    ),
    testPod(
      {
        volumes: [
          { name: 'data', persistentVolumeClaim: { claimName: 'c' } },
          { name: 'tmp', ephemeral: {} },
        ],
      },
      { uid: 'b' },
    ),
    testPod({}, { uid: 'c' }),
  ]
  statistics = new VolumeStatistics({
    clock,
    log: silentLog,
    pods: () => pods,
    measure: async (pod, volume) => {
      measured.push(`${pod.metadata.uid}/${volume.name}`)
      return volume.configMap === undefined ? measure(pod, volume) : undefined
    },
  })
})

const summary = () => ({ node: {}, pods: ['a', 'b', 'c', 'x'].map((uid) => ({ podRef: { uid } })) })
const ask = async () => {
  statistics.addTo(summary())
  await statistics.settled()
  return statistics.addTo(summary()) as { readonly pods: readonly object[] }
}

test('a summary has the volumes of its pods, with the claims that they are of', async () => {
  const time = toTimestamp(clock.now())
  const { pods: told } = await ask()
  expect(told[0]).toEqual({
    podRef: { uid: 'a' },
    volume: [{ time, ...figures, name: 'data', pvcRef: { namespace: 'default', name: 'c' } }],
  })
  expect(told[1]).toMatchObject({
    volume: [{ name: 'data' }, { name: 'tmp', pvcRef: { namespace: 'default', name: `${pods[1]!.metadata.name}-tmp` } }],
  })
  expect(told.slice(2)).toEqual([{ podRef: { uid: 'c' } }, { podRef: { uid: 'x' } }])
})

test('a claim of several pods is told once, in the words of the kubelet', async () => {
  await ask()
  const lines = statistics.metrics().split('\n')
  expect(lines.filter((line) => line.includes('persistentvolumeclaim="c"'))).toEqual([
    'kubelet_volume_stats_available_bytes{namespace="default",persistentvolumeclaim="c"} 2',
    'kubelet_volume_stats_capacity_bytes{namespace="default",persistentvolumeclaim="c"} 3',
    'kubelet_volume_stats_inodes{namespace="default",persistentvolumeclaim="c"} 9',
    'kubelet_volume_stats_inodes_free{namespace="default",persistentvolumeclaim="c"} 5',
    'kubelet_volume_stats_inodes_used{namespace="default",persistentvolumeclaim="c"} 4',
    'kubelet_volume_stats_used_bytes{namespace="default",persistentvolumeclaim="c"} 1',
  ])
  expect(lines).toContain('# TYPE kubelet_volume_stats_used_bytes gauge')
})

test('what is known is told for a minute, and longer where measuring takes long', async () => {
  await ask()
  expect(measured).toHaveLength(4)
  await clock.advance(59_000)
  await ask()
  expect(measured).toHaveLength(4)
  measure = async () => {
    await clock.sleep(10_000)
    return figures
  }
  await clock.advance(1_000)
  statistics.addTo(summary())
  await clock.advance(10_000)
  await statistics.settled()
  expect(measured).toHaveLength(8)
  await clock.advance(199_000)
  await ask()
  expect(measured).toHaveLength(8)
})

test('a volume that cannot be measured is left out, and so is a pod that is gone', async () => {
  measure = async (pod) => {
    if (pod.metadata.uid === 'a') throw new Error('no such volume')
    return figures
  }
  const first = await ask()
  expect(first.pods[0]).toEqual({ podRef: { uid: 'a' } })
  expect(first.pods[1]).toHaveProperty('volume')
  pods = []
  await clock.advance(60_000)
  expect((await ask()).pods[1]).toEqual({ podRef: { uid: 'b' } })
})

test('nothing is measured that nobody asks for', async () => {
  await clock.advance(600_000)
  expect(measured).toEqual([])
})
