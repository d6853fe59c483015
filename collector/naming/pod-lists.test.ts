import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { makeMachineFolder } from '../fixtures/machine-tree.ts'
import { podListFromFile, podListFromKubelet } from './pod-lists.ts'
import { upperFolderOf } from './process-facts.ts'

const cleanups: (() => void)[] = []
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup()
})

async function serve(status: number, body: string): Promise<{ url: string; seen: string[] }> {
  const seen: string[] = []
  const server = createServer((request, response) => {
    seen.push(`${request.url} ${request.headers.authorization}`)
    response.writeHead(status).end(body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  cleanups.push(() => server.close())
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen }
}

test('a kubelet is asked for its pods with the token of the moment', async () => {
  const { url, seen } = await serve(200, '{"items":[]}')
  let tokens = 0
  const list = podListFromKubelet({ url, token: async () => `t${++tokens}\n` })
  expect(await list(AbortSignal.timeout(5000))).toEqual({ items: [] })
  await list(AbortSignal.timeout(5000))
  expect(seen).toEqual(['/pods Bearer t1', '/pods Bearer t2'])
})

test('a refusal and an answer that is no JSON are errors', async () => {
  const refusing = await serve(403, 'no')
  await expect(podListFromKubelet({ url: refusing.url })(AbortSignal.timeout(5000))).rejects.toThrow('status 403')
  const garbled = await serve(200, '<html>')
  await expect(podListFromKubelet({ url: garbled.url })(AbortSignal.timeout(5000))).rejects.toThrow('JSON')
  expect(() => podListFromKubelet({ url: 'ftp://x' })).toThrow('only https and http')
})

test('a list can be a file', async () => {
  const folder = makeMachineFolder({})
  cleanups.push(() => folder.dispose())
  writeFileSync(`${folder.path}/pods.json`, '{"items":null}')
  expect(await podListFromFile(`${folder.path}/pods.json`)(AbortSignal.timeout(5000))).toEqual({ items: null })
  await expect(podListFromFile(`${folder.path}/absent.json`)(AbortSignal.timeout(5000))).rejects.toThrow('ENOENT')
})

test.each([
  [
    '1 0 0:50 / / rw - overlay overlay rw,lowerdir=/l,upperdir=/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots/7/fs,workdir=/w',
    '/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots/7/fs',
  ],
  ['1 0 0:50 / / rw - overlay overlay rw,upperdir=/with\\040blank,workdir=/w', '/with blank'],
  ['1 0 0:50 / /data rw - overlay overlay rw,upperdir=/other', undefined],
  ['1 0 254:0 / / rw - ext4 /dev/vda rw', undefined],
  ['nonsense', undefined],
])('the writable layer is the upper folder of the root: %s', (mountinfo, expected) => {
  expect(upperFolderOf(mountinfo)).toBe(expected)
})
