import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FakeClock } from '../../../lib/fake-clock.ts'
import { silentLog } from '../../../lib/log.ts'
import type { CoreV1Pod } from '../../api/generated/kinds.ts'
import { parseManifest } from './manifest.ts'
import { ManifestFolder } from './manifest-folder.ts'

const text = `
apiVersion: v1
kind: Pod
metadata: { name: web, labels: { app: web } }
spec: { containers: [{ name: main, image: web:1 }] }
`
const context = { path: '/manifests/web.yaml', nodeName: 'n1', nowMs: 0 }

describe('the file of a static pod', () => {
  it('becomes a pod of this node with defaults, marks and an identity', () => {
    const pod = parseManifest(text, context)
    expect(pod.metadata).toMatchObject({ name: 'web-n1', namespace: 'default', labels: { app: 'web' } })
    expect(pod.metadata.annotations).toMatchObject({
      'kubernetes.io/config.hash': pod.metadata.uid,
      'kubernetes.io/config.source': 'file',
      'kubernetes.io/config.seen': '1970-01-01T00:00:00Z',
    })
    expect(pod.spec).toMatchObject({ nodeName: 'n1', restartPolicy: 'Always', tolerations: [{ operator: 'Exists', effect: 'NoExecute' }] })
  })

  it('has another identity when it says something else', () => {
    expect(parseManifest(text, context).metadata.uid).toBe(parseManifest(text, context).metadata.uid)
    expect(parseManifest(text.replace('web:1', 'web:2'), context).metadata.uid).not.toBe(parseManifest(text, context).metadata.uid)
  })

  it.each([
    ['kind: Pod', 'kind: Job', 'only apiVersion "v1", kind "Pod" can be run from a file'],
    ['image: web:1', 'imagee: web:1', 'unknown field "spec.containers[0].imagee"'],
    ['image: web:1', 'image: [1]', 'cannot unmarshal array'],
    ['name: main', 'name: Main', 'spec.containers[0].name'],
    ['spec: {', 'spec: { serviceAccountName: x,', 'static pods may not reference serviceaccounts'],
    ['spec: {', 'spec: { volumes: [{ name: a, configMap: { name: x } }],', 'static pods may not reference configmaps'],
  ])('is refused with %s → %s', (from, to, why) => {
    expect(() => parseManifest(text.replace(from, to), context)).toThrow(why)
  })
})

describe('the folder of static pods', () => {
  let path: string
  let clock: FakeClock
  let folder: ManifestFolder
  let seen: readonly CoreV1Pod[]

  beforeEach(async () => {
    path = await mkdtemp(join(tmpdir(), 'manifests-'))
    clock = new FakeClock()
    seen = []
    folder = new ManifestFolder({ path, nodeName: 'n1', clock, log: silentLog, onChange: (pods) => (seen = pods) })
  })
  afterEach(async () => {
    await folder.stop()
    await rm(path, { recursive: true, force: true })
  })
  /** Reading files takes real turns of the event loop between two ticks of the clock. */
  const until = async (isTrue: () => boolean) => {
    for (let turn = 0; turn < 500 && !isTrue(); turn++) {
      await new Promise((resolve) => setImmediate(resolve))
      await clock.advance(1_000)
    }
    expect(isTrue()).toBe(true)
  }
  const names = () => seen.map(({ metadata }) => metadata.name).join()

  it('is read at start, and follows what comes and goes', async () => {
    await writeFile(join(path, 'a.yaml'), text)
    await folder.start()
    expect(names()).toBe('web-n1')
    await writeFile(join(path, 'b.json'), JSON.stringify({ ...parseManifest(text, context), metadata: { name: 'more' } }))
    await until(() => names() === 'web-n1,more-n1')
    await rm(join(path, 'a.yaml'))
    await until(() => names() === 'more-n1')
  })

  it('leaves alone what it cannot understand, and keeps what a broken file said before', async () => {
    await writeFile(join(path, 'a.yaml'), text)
    await writeFile(join(path, '.hidden'), text.replace('web', 'hidden'))
    await writeFile(join(path, 'junk'), '{{{')
    await folder.start()
    const before = seen
    await writeFile(join(path, 'a.yaml'), text.slice(0, 30))
    await clock.advance(60_000)
    expect(seen).toBe(before)
    expect(names()).toBe('web-n1')
  })

  it('may be missing and come later', async () => {
    await rm(path, { recursive: true })
    await folder.start()
    expect(seen).toEqual([])
  })
})
