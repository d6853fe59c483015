import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { FakeClock } from '../../../lib/fake-clock.ts'
import { silentLog } from '../../../lib/log.ts'
import { matchesImage, openCredentialProviders } from './credential-providers.ts'

let folder: string
const clock = new FakeClock()
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'providers-'))
})
afterEach(() => rm(folder, { recursive: true }))

const open = async (program: string, more = '') => {
  await writeFile(join(folder, 'helper'), `#!/bin/sh\ncat >> ${folder}/asked; echo >> ${folder}/asked\n${program}\n`)
  await chmod(join(folder, 'helper'), 0o755)
  const provider = `{ name: helper, matchImages: ['*.example'], defaultCacheDuration: 1h, apiVersion: credentialprovider.kubelet.k8s.io/v1 ${more} }`
  await writeFile(
    join(folder, 'config'),
    `apiVersion: kubelet.config.k8s.io/v1\nkind: CredentialProviderConfig\nproviders: [${provider}]\n`,
  )
  return openCredentialProviders({
    configPath: join(folder, 'config'),
    binDir: folder,
    environment: { PATH: '/usr/bin:/bin' },
    clock,
    log: silentLog,
  })
}
const answer = (keyType: string, auth: object, more: object = {}) =>
  `echo '${JSON.stringify({ kind: 'CredentialProviderResponse', cacheKeyType: keyType, auth, ...more })}'`
const asked = async () => (await readFile(join(folder, 'asked'), 'utf8').catch(() => '')).split('\n').filter((line) => line !== '')

test('a program is asked for images that it is for, with its arguments and environment, and its answer is kept for a while', async () => {
  const auth = `{\\"r.example\\":{\\"username\\":\\"$1\\",\\"password\\":\\"$WORD\\"}}`
  const program = `echo "{\\"kind\\":\\"CredentialProviderResponse\\",\\"cacheKeyType\\":\\"Registry\\",\\"auth\\":${auth}}"`
  const providers = await open(program, ', args: [me], env: [{ name: WORD, value: open }]')
  expect(await providers.credentialsFor('other.test/web:1')).toBeUndefined()
  const credentials = { username: 'me', password: 'open', serverAddress: 'r.example' }
  expect(await providers.credentialsFor('r.example/web:1')).toEqual(credentials)
  expect(await providers.credentialsFor('r.example/other:1')).toEqual(credentials)
  expect((await asked()).map((line) => JSON.parse(line) as object)).toEqual([
    { apiVersion: 'credentialprovider.kubelet.k8s.io/v1', kind: 'CredentialProviderRequest', image: 'r.example/web:1' },
  ])
  await clock.advance(3_600_000)
  await providers.credentialsFor('r.example/other:1')
  expect(await asked()).toHaveLength(2)
})

test('the entry that fits best counts, and an answer that is not to be kept is not', async () => {
  const auth = { '*.example': { username: 'any' }, 'r.example/team': { username: 'team' } }
  const providers = await open(answer('Image', auth, { cacheDuration: '0s' }))
  expect((await providers.credentialsFor('r.example/team/web:1'))?.username).toBe('team')
  expect((await providers.credentialsFor('r.example/web:1'))?.username).toBe('any')
  await providers.credentialsFor('r.example/web:1')
  expect(await asked()).toHaveLength(3)
})

test.each(['exit 1', 'echo nonsense', 'echo "{}"', answer('Whim', {})])('a program that fails is as good as none: %s', async (program) => {
  expect(await (await open(program)).credentialsFor('r.example/web:1')).toBeUndefined()
})

test.each([
  [', tokenAttributes: {}', 'providers[0].tokenAttributes'],
  [', args: 1', 'args and env are lists'],
  [', env: 1', 'args and env are lists'],
])('a file with %s is refused', async (more, message) => {
  await expect(open('true', more)).rejects.toThrow(message)
})

test.each([
  ['*.dkr.ecr.*.amazonaws.com', '1.dkr.ecr.eu-1.amazonaws.com/a:1', true],
  ['*.example', 'a.b.example/x', false],
  ['r.example:5000', 'r.example:5000/x', true],
  ['r.example:5000', 'r.example/x', false],
  ['r.example/team', 'r.example/other', false],
  ['https://r*y.example', 'registry.example/x', true],
  ['docker.io', 'web:1', true],
])('%s is for %s: %s', (pattern, image, expected) => {
  expect(matchesImage(pattern, image)).toBe(expected)
})
