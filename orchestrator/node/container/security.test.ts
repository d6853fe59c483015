import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { CoreV1PodSecurityContext, CoreV1SecurityContext } from '../../api/generated/kinds.ts'
import { testContainer, testPod } from '../pod/pod-fixtures.ts'
import { seccompOf, securityOf } from './security.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'seccomp-'))
  await mkdir(join(folder, 'profiles'))
  await writeFile(join(folder, 'profiles/audit.json'), '{"defaultAction":"SCMP_ACT_LOG"}')
  await writeFile(join(folder, 'broken.json'), '{')
})
afterEach(() => rm(folder, { recursive: true }))

const image = { id: 'sha256:1', tags: [], digests: [], sizeBytes: 0, user: '' }
const parts = (own: CoreV1SecurityContext, podWide: CoreV1PodSecurityContext = {}, annotations: Record<string, string> = {}) => {
  const container = testContainer('main', { securityContext: own })
  return { container, pod: testPod({ containers: [container], securityContext: podWide }, { annotations }) }
}
const security = (...input: Parameters<typeof parts>) => {
  const { pod, container } = parts(...input)
  return securityOf(pod, container, image, undefined)
}
const seccomp = (type: string, localhostProfile?: string) => {
  const { pod, container } = parts({}, { seccompProfile: { type, ...(localhostProfile === undefined ? {} : { localhostProfile }) } })
  return seccompOf(pod, container, folder)
}

test('a seccomp profile is the runtime’s, none, or a file of the node', async () => {
  expect(await seccomp('RuntimeDefault')).toBeUndefined()
  expect(await seccomp('Unconfined')).toBe('unconfined')
  expect(await seccomp('Localhost', 'profiles/audit.json')).toBe('{"defaultAction":"SCMP_ACT_LOG"}')
})

test.each([
  ['../outside.json', 'must be a relative path'],
  ['/etc/passwd', 'must be a relative path'],
  ['missing.json', 'cannot load seccomp profile'],
  ['broken.json', 'cannot load seccomp profile'],
])('the seccomp profile %s keeps the container from starting', async (name, message) => {
  await expect(seccomp('Localhost', name)).rejects.toThrow(message)
})

test('a privileged container has no seccomp profile, whatever the pod says', () => {
  const { pod, container } = parts({ privileged: true })
  expect(securityOf(pod, container, image, '{}').seccomp).toBe('unconfined')
})

test('AppArmor’s profile comes from the container, its annotation or the pod, in this order', () => {
  const own = { appArmorProfile: { type: 'Localhost', localhostProfile: 'own' } }
  const podWide = { appArmorProfile: { type: 'Unconfined' } }
  const annotations = { 'container.apparmor.security.beta.kubernetes.io/main': 'localhost/noted' }
  expect(security(own, podWide, annotations).appArmor).toBe('own')
  expect(security({}, podWide, annotations).appArmor).toBe('noted')
  expect(security({}, podWide).appArmor).toBe('unconfined')
  expect(security({ appArmorProfile: { type: 'RuntimeDefault' } }).appArmor).toBeUndefined()
})

test('SELinux options and an unmasked /proc are passed on', () => {
  expect(security({ procMount: 'Unmasked' }, { seLinuxOptions: { type: 'spc_t', level: 's0:c1' } })).toMatchObject({
    seLinuxLabels: ['type:spc_t', 'level:s0:c1'],
    hasUnmaskedProc: true,
  })
})

test('groups of the pod are those that it names and that of its files', () => {
  expect(security({}, { supplementalGroups: [5, 6], fsGroup: 6 }).supplementalGroups).toEqual([5, 6])
})
