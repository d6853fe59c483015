import { beforeEach, describe, expect, it } from 'vitest'
import { FakeClock } from '../../../lib/fake-clock.ts'
import type { CoreV1Container, CoreV1Pod, CoreV1Secret } from '../../api/generated/kinds.ts'
import { testContainer, testPod } from '../pod/pod-fixtures.ts'
import { RuntimeUnavailableError } from '../runtime/runtime.ts'
import type { ImageFacts, ImageService, RegistryCredentials } from '../runtime/runtime.ts'
import { containerReference, ImageManager, isImageError, pullPolicyOf } from './image-manager.ts'
import { registryOf } from './image-reference.ts'

const factsOf = (image: string): ImageFacts => ({ id: `sha256:${image}`, tags: [image], digests: [], sizeBytes: 7, user: '' })
const noHost = 'Get "https://registry-1.docker.io/v2/": dial tcp: lookup registry-1.docker.io: no such host'

/** Images that are there, and a registry whose answer a test decides. */
class FakeImages implements Pick<ImageService, 'inspect' | 'pull'> {
  readonly present = new Set<string>()
  readonly pulls: (RegistryCredentials | undefined)[] = []
  answer: (reference: string) => Promise<void> = async (reference) => void this.present.add(reference)

  async inspect(reference: string): Promise<ImageFacts | undefined> {
    return this.present.has(reference) ? factsOf(reference) : undefined
  }

  pull(reference: string, credentials: RegistryCredentials | undefined): Promise<void> {
    this.pulls.push(credentials)
    return this.answer(reference)
  }

  async list(): Promise<readonly ImageFacts[]> {
    return [...this.present].map(factsOf)
  }
}

let clock: FakeClock
let images: FakeImages
let events: string[]
let secrets: Map<string, CoreV1Secret>
let manager: ImageManager

beforeEach(() => {
  clock = new FakeClock()
  images = new FakeImages()
  events = []
  secrets = new Map()
  manager = new ImageManager({
    images,
    clock,
    recorder: {
      event: (_, type, reason, message) => void events.push(`${type} ${reason} ${message}`),
      flush: async () => {},
      dropped: 0,
    },
    source: { secret: async (_, name) => secrets.get(name), configMap: async () => undefined },
  })
})

const refuse = (message: string) => () => Promise.reject(new Error(message))
const ensure = (container: Partial<CoreV1Container>, pod: CoreV1Pod = testPod()) => manager.ensure(pod, testContainer('main', container))
const failure = async (container: Partial<CoreV1Container>, pod?: CoreV1Pod) => {
  const error: unknown = await ensure(container, pod).catch((caught: unknown) => caught)
  if (!isImageError(error)) throw new Error('expected an ImageError', { cause: error })
  return error
}

describe('pull policy', () => {
  it.each([
    ['web', undefined, 'Always'],
    ['web:latest', undefined, 'Always'],
    ['localhost:5000/web', undefined, 'Always'],
    ['web:1', undefined, 'IfNotPresent'],
    ['localhost:5000/web:1', '', 'IfNotPresent'],
    ['web@sha256:abc', undefined, 'IfNotPresent'],
    ['web', 'Never', 'Never'],
  ])('of %s with %s is %s', (image, imagePullPolicy, expected) => {
    expect(pullPolicyOf(testContainer('main', { image, ...(imagePullPolicy === undefined ? {} : { imagePullPolicy }) }))).toBe(expected)
  })

  it('IfNotPresent runs the image that is there', async () => {
    images.present.add('web:1')
    expect(await ensure({ image: 'web:1' })).toEqual(factsOf('web:1'))
    expect(images.pulls).toEqual([])
    expect(events).toEqual(['Normal Pulled Container image "web:1" already present on machine and can be accessed by the pod'])
  })

  it('Always asks the registry although the image is there', async () => {
    images.present.add('web')
    await ensure({ image: 'web' })
    expect(images.pulls).toHaveLength(1)
    expect(events.map((event) => event.split(' ')[1])).toEqual(['Pulling', 'Pulled'])
  })

  it('Never does not pull', async () => {
    const error = await failure({ image: 'web:1', imagePullPolicy: 'Never' })
    expect(error.reason).toBe('ErrImageNeverPull')
    expect(error.message).toBe('Container image "web:1" is not present with pull policy of Never')
    expect(images.pulls).toEqual([])
  })
})

describe('image names', () => {
  it.each(['', 'Web:1', 'web:1 ', '-web', 'docker.io/Library/web:1'])('%j is refused before anybody is asked', async (image) => {
    expect((await failure({ image })).reason).toBe('InvalidImageName')
    expect(images.pulls).toEqual([])
  })

  it.each([
    ['web', 'docker.io'],
    ['library/web', 'docker.io'],
    ['index.docker.io/library/web', 'docker.io'],
    ['localhost/web', 'localhost'],
    ['registry:5000/web', 'registry:5000'],
    ['quay.io/a/b:1', 'quay.io'],
  ])('the registry of %s is %s', (image, expected) => {
    expect(registryOf(image)).toBe(expected)
  })
})

describe('pulling', () => {
  it('happens once for all who ask at the same time', async () => {
    const gate = Promise.withResolvers<void>()
    images.answer = async (reference) => {
      await gate.promise
      images.present.add(reference)
    }
    const both = Promise.all([ensure({ image: 'web:1' }), ensure({ image: 'web:1' }, testPod({}, { uid: 'uid-2' }))])
    gate.resolve()
    expect(await both).toEqual([factsOf('web:1'), factsOf('web:1')])
    expect(images.pulls).toHaveLength(1)
  })

  it('backs off per pod and image: 10 s, doubling up to five minutes', async () => {
    images.answer = refuse('manifest unknown')
    const waits: number[] = []
    for (let turn = 0; turn < 7; turn++) {
      const { reason, retryAtMs } = await failure({ image: 'web:1' })
      expect(reason).toBe('ErrImagePull')
      waits.push((retryAtMs - clock.now()) / 1000)
      await clock.advance(retryAtMs - clock.now())
    }
    expect(waits).toEqual([10, 20, 40, 80, 160, 300, 300])
    expect(events).toContain('Warning Failed Failed to pull image "web:1": manifest unknown')
  })

  it('starts from 10 s again after a success', async () => {
    images.answer = refuse('manifest unknown')
    await failure({ image: 'web' })
    await failure({ image: 'web' })
    images.answer = async (reference) => void images.present.add(reference)
    await ensure({ image: 'web' })
    images.answer = refuse('manifest unknown')
    expect((await failure({ image: 'web' })).retryAtMs - clock.now()).toBe(10_000)
  })

  it('an engine that is gone is no fault of the image', async () => {
    images.answer = () => Promise.reject(new RuntimeUnavailableError('cannot reach the Docker engine'))
    await expect(ensure({ image: 'web:1' })).rejects.toThrow(RuntimeUnavailableError)
    expect(events).toEqual(['Normal Pulling Pulling image "web:1"'])
  })

  it('takes the first pull secret that knows the registry, and none for another', async () => {
    const secretOf = (auths: object): CoreV1Secret => ({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 's' },
      data: { '.dockerconfigjson': Buffer.from(JSON.stringify({ auths })).toString('base64') },
    })
    secrets.set('broken', { ...secretOf({}), data: { '.dockerconfigjson': 'e30tLQ==' } })
    secrets.set('quay', secretOf({ 'https://quay.io/v2/': { auth: Buffer.from('me:a:b').toString('base64') } }))
    const legacy = Buffer.from(JSON.stringify({ 'old.example': { username: 'us', password: 'p' } })).toString('base64')
    secrets.set('legacy', { ...secretOf({}), type: 'kubernetes.io/dockercfg', data: { '.dockercfg': legacy } })
    const pod = testPod({ imagePullSecrets: [{ name: 'absent' }, { name: 'broken' }, { name: 'quay' }, { name: 'legacy' }] })
    await ensure({ image: 'quay.io/a/b:1' }, pod)
    await ensure({ image: 'web:1' }, pod)
    await ensure({ image: 'old.example/web:1' }, pod)
    expect(images.pulls).toEqual([
      { username: 'me', password: 'a:b', serverAddress: 'https://quay.io/v2/' },
      undefined,
      { username: 'us', password: 'p', serverAddress: 'old.example' },
    ])
  })
})

describe('a registry that cannot be reached', () => {
  const warning =
    'Warning RegistryUnreachable Registry docker.io cannot be reached: container image "web" is used as it is present on machine'

  it.each([
    noHost,
    'dial tcp 192.0.2.1:443: connect: connection refused',
    'dial tcp 192.0.2.1:443: i/o timeout',
    'net/http: TLS handshake timeout',
    'net/http: request canceled (Client.Timeout exceeded while awaiting headers)',
  ])('the image that is present is run with a warning: %s', async (message) => {
    images.present.add('web')
    images.answer = refuse(message)
    expect(await ensure({ image: 'web' })).toEqual(factsOf('web'))
    expect(events.at(-1)).toBe(warning)
  })

  it('is not asked again for a minute', async () => {
    images.present.add('web')
    images.answer = refuse(noHost)
    await ensure({ image: 'web' })
    await clock.advance(59_999)
    await ensure({ image: 'web' })
    expect(images.pulls).toHaveLength(1)
    await clock.advance(1)
    await ensure({ image: 'web' })
    expect(images.pulls).toHaveLength(2)
  })

  it('keeps no image of another registry from being pulled', async () => {
    images.present.add('web')
    images.answer = refuse(noHost)
    await ensure({ image: 'web' })
    images.present.add('quay.io/a/web')
    images.answer = async () => {}
    await ensure({ image: 'quay.io/a/web' })
    expect(images.pulls).toHaveLength(2)
  })

  it('an image that is not there fails, and is asked for again at its own time', async () => {
    images.answer = refuse(noHost)
    expect((await failure({ image: 'web' })).reason).toBe('ErrImagePull')
    expect((await failure({ image: 'web' })).retryAtMs - clock.now()).toBe(20_000)
    expect(images.pulls).toHaveLength(2)
  })

  it.each(['manifest unknown', 'unauthorized: authentication required', 'pull access denied for web'])(
    'an answer of the registry is no such case: %s',
    async (message) => {
      images.present.add('web')
      images.answer = refuse(message)
      expect((await failure({ image: 'web' })).message).toBe(message)
    },
  )
})

it('events name the list that the container is in', () => {
  const pod = testPod({ initContainers: [testContainer('init')] })
  expect(containerReference(pod, { name: 'init' }).fieldPath).toBe('spec.initContainers{init}')
  expect(containerReference(pod, { name: 'main' }).fieldPath).toBe('spec.containers{main}')
})
