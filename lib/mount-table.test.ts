import { expect, test } from 'vitest'
import { mountPointsIn } from './mount-table.ts'

const mountinfo = [
  '22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw',
  '94 22 0:54 / /data rw - ext4 /dev/sdc1 rw',
  '90 94 0:50 / /data/nodes/a/pods/1/volumes/x rw,relatime - tmpfs tmpfs rw',
  '91 90 0:51 / /data/nodes/a/pods/1/volumes/x/inner rw - nfs4 server:/export rw',
  '92 94 0:52 / /data/with\\040space rw - tmpfs tmpfs rw',
  '93 22 0:53 / /database rw - ext4 /dev/sdb1 rw',
  '95 92 0:55 / /data/with\\040space rw - tmpfs tmpfs rw',
  '',
].join('\n')

test('what is mounted in a folder is told the last one first, twice where one lies over another, and without its neighbours', () => {
  expect(mountPointsIn('/data', mountinfo)).toEqual([
    '/data/with space',
    '/data/with space',
    '/data/nodes/a/pods/1/volumes/x/inner',
    '/data/nodes/a/pods/1/volumes/x',
    '/data',
  ])
  expect(mountPointsIn('/data/nodes', mountinfo)).toHaveLength(2)
})
