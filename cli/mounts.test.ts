import { expect, test } from 'vitest'
import { mountsBelow, unmountBelow } from './mounts.ts'

const mountinfo = [
  '22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw',
  '90 22 0:50 / /data/nodes/a/pods/1/volumes/x rw,relatime - tmpfs tmpfs rw',
  '91 90 0:51 / /data/nodes/a/pods/1/volumes/x/inner rw - nfs4 server:/export rw',
  '92 22 0:52 / /data/with\\040space rw - tmpfs tmpfs rw',
  '93 22 0:53 / /database rw - ext4 /dev/sdb1 rw',
  '94 22 0:54 / /data rw - ext4 /dev/sdc1 rw',
  '',
].join('\n')

test('mounts below a folder are told the innermost first, the folder itself and its neighbours left out', () => {
  expect(mountsBelow('/data', mountinfo)).toEqual([
    '/data/nodes/a/pods/1/volumes/x/inner',
    '/data/nodes/a/pods/1/volumes/x',
    '/data/with space',
  ])
})

test('a folder that is not there has none', () => {
  expect(() => unmountBelow('/nowhere/at/all')).not.toThrow()
})
