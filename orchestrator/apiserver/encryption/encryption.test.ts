import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { FakeClock } from '../../../lib/fake-clock.ts'
import { openSqliteStore } from '../../store/sqlite.ts'
import { describeStore } from '../../store/store.contract.ts'
import { createSecretsSealing, parseEncryptionConfiguration } from './configuration.ts'
import { cipherKey } from './providers.ts'

const secret = 'correct horse battery staple'
const key = { a: randomBytes(32).toString('base64'), b: randomBytes(16).toString('base64') }
const configurationOf = (...rules: readonly string[]) =>
  parseEncryptionConfiguration(
    'encryption.yaml',
    ['apiVersion: apiserver.config.k8s.io/v1', 'kind: EncryptionConfiguration', 'resources:', ...rules].join('\n'),
  )
const ruleOf = (resources: string, ...providers: readonly string[]) => `- resources: [${resources}]\n  providers: [${providers.join(', ')}]`
const gcm = (name: string, value: string) => `{aesgcm: {keys: [{name: ${name}, secret: ${value}}]}}`
const cbc = (name: string, value: string) => `{aescbc: {keys: [{name: ${name}, secret: ${value}}]}}`
const plain = '{identity: {}}'

let root: string
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'encryption-'))
})
afterAll(() => rm(root, { recursive: true, force: true }))
const newFolder = () => mkdtemp(join(root, 'data-'))
const clock = new FakeClock()
const objectOf = (text: string) => ({ text, metadata: {} })

/** All that is on the disk: the database and what SQLite keeps beside it. */
async function bytesIn(folder: string): Promise<string> {
  const files = await Promise.all(
    ['store.sqlite', 'store.sqlite-wal'].map((file) => readFile(join(folder, file), 'latin1').catch(() => '')),
  )
  return files.join('')
}

describeStore('sqlite, everything encrypted', async (options) =>
  openSqliteStore({ ...options, folder: await newFolder(), sealing: configurationOf(ruleOf("'*.*'", gcm('one', key.a))) }),
)

describe('values on the disk', () => {
  test.each([
    ['aesgcm', gcm('one', key.a)],
    ['aescbc', cbc('one', key.b)],
  ])('are encrypted with %s where the configuration says so, and only there', async (kind, provider) => {
    const folder = await newFolder()
    const sealing = configurationOf(ruleOf('secrets', provider, plain))
    const store = await openSqliteStore({ folder, clock, sealing })
    const written = await store.put('core/secrets/default/s', objectOf(secret), 0)
    await store.put('core/configmaps/default/c', objectOf('readable'), 0)
    await store.stop()
    const bytes = await bytesIn(folder)
    expect(bytes).not.toContain(secret)
    expect(bytes).toContain(`k8s:enc:${kind}:v1:one:`)
    expect(bytes).toContain('readable')

    const again = await openSqliteStore({ folder, clock, sealing })
    expect(again.get('core/secrets/default/s')).toEqual(written)
    await again.stop()
  })

  test('that were plain are encrypted at the next start, at the revision that they have, and their old text is gone', async () => {
    const folder = await newFolder()
    const first = await openSqliteStore({ folder, clock })
    for (let index = 0; index < 1200; index++) await first.put(`core/secrets/default/s${index}`, objectOf(secret), 0)
    const kept = first.get('core/secrets/default/s7')
    await first.put('core/configmaps/default/c', objectOf('x'), 0).then((entry) => first.delete(entry.key, entry.revision))
    const { revision } = first
    await first.stop()
    expect(await bytesIn(folder)).toContain(secret)

    const second = await openSqliteStore({ folder, clock, sealing: configurationOf(ruleOf('secrets', gcm('one', key.a))) })
    expect(second.revision).toBe(revision)
    expect(await bytesIn(folder)).not.toContain(secret)
    await second.stop()
    const third = await openSqliteStore({ folder, clock, sealing: configurationOf(ruleOf('secrets', gcm('one', key.a))) })
    expect([third.get('core/secrets/default/s7'), third.size, third.revision]).toEqual([kept, 1200, revision])
    await third.stop()
  })

  test('of an earlier key are read, and written with the first one at the next start', async () => {
    const folder = await newFolder()
    const first = await openSqliteStore({ folder, clock, sealing: configurationOf(ruleOf('secrets', gcm('old', key.a))) })
    await first.put('core/secrets/default/s', objectOf(secret), 0)
    await first.stop()
    const both = configurationOf(ruleOf('secrets', gcm('new', key.b), gcm('old', key.a)))
    const second = await openSqliteStore({ folder, clock, sealing: both })
    expect(second.get('core/secrets/default/s')?.object).toMatchObject({ text: secret })
    await second.stop()
    expect(await bytesIn(folder)).not.toContain('aesgcm:v1:old:')
    const third = await openSqliteStore({ folder, clock, sealing: configurationOf(ruleOf('secrets', gcm('new', key.b))) })
    expect(third.size).toBe(1)
    await third.stop()
  })

  test('are plain again when identity comes first', async () => {
    const folder = await newFolder()
    const first = await openSqliteStore({ folder, clock, sealing: configurationOf(ruleOf('secrets', cbc('one', key.a))) })
    await first.put('core/secrets/default/s', objectOf(secret), 0)
    await first.stop()
    await (await openSqliteStore({ folder, clock, sealing: configurationOf(ruleOf('secrets', plain, cbc('one', key.a))) })).stop()
    const last = await openSqliteStore({ folder, clock })
    expect(last.get('core/secrets/default/s')?.object).toMatchObject({ text: secret })
    await last.stop()
  })

  test.each([
    [
      'without its key',
      gcm('other', key.a),
      'core/secrets/default/s is encrypted with the key one of aesgcm, which encryption.yaml does not have',
    ],
    [
      'with another key of its name',
      gcm('one', key.b),
      'core/secrets/default/s cannot be read with the key one of aesgcm in encryption.yaml',
    ],
  ])('are refused %s, and stay as they are', async (_, provider, message) => {
    const folder = await newFolder()
    const sealing = configurationOf(ruleOf('secrets', gcm('one', key.a)))
    const first = await openSqliteStore({ folder, clock, sealing })
    await first.put('core/secrets/default/s', objectOf(secret), 0)
    await first.stop()
    const wrong = openSqliteStore({ folder, clock, sealing: configurationOf(ruleOf('secrets', provider)) })
    await expect(wrong).rejects.toMatchObject({ code: 'broken', message: expect.stringContaining(message) })
    const again = await openSqliteStore({ folder, clock, sealing })
    expect(again.size).toBe(1)
    await again.stop()
  })

  test('cannot be put in the place of others', () => {
    const sealing = configurationOf(ruleOf('secrets', gcm('one', key.a)))
    const sealed = sealing.seal('core/secrets/default/mine', Buffer.from('{}'))
    expect(sealing.open('core/secrets/default/mine', sealed)).toEqual({ bytes: Buffer.from('{}'), isCurrent: true })
    expect(() => sealing.open('core/secrets/kube-system/theirs', sealed)).toThrow('core/secrets/kube-system/theirs cannot be read')
    expect(() => sealing.open('core/secrets/default/mine', sealed.subarray(0, 40))).toThrow('damaged')
  })
})

test('a key that only reads opens what it encrypted, and what it encrypted is not as it would be now', () => {
  const own = cipherKey('aesgcm', 'own', randomBytes(32))
  const before = createSecretsSealing('encryption.key', own)
  const sealed = before.seal('core/secrets/a/b', Buffer.from('{}'))
  expect(before.open('core/secrets/a/b', sealed).isCurrent).toBe(true)
  expect(before.seal('core/configmaps/a/b', Buffer.from('{}')).toString()).toBe('{}')
  const text = `apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\nresources:\n${ruleOf('secrets', gcm('one', key.a))}`
  const after = parseEncryptionConfiguration('encryption.yaml', text, [own])
  expect(after.open('core/secrets/a/b', sealed)).toEqual({ bytes: Buffer.from('{}'), isCurrent: false })
  expect(after.seal('core/secrets/a/b', Buffer.from('{}')).toString('latin1')).toMatch(/^k8s:enc:aesgcm:v1:one:/)
})

test.each([
  ['secrets', ['core/secrets/a/b'], ['core/secretsx/a', 'core/configmaps/a/b']],
  ['deployments.apps', ['apps/deployments/a/b'], ['core/deployments/a/b', 'apps/deploymentsx/a/b']],
  ["'*.apps'", ['apps/deployments/a/b', 'apps/replicasets/a/b'], ['core/pods/a/b']],
  ["'*.'", ['core/pods/a/b'], ['apps/deployments/a/b']],
  ["'*.*'", ['core/pods/a/b', 'apps/deployments/a/b'], []],
])('resources: [%s] covers what it names', (resources, covered, others) => {
  const sealing = configurationOf(ruleOf(resources, gcm('one', key.a)))
  const isSealed = (at: string) => sealing.seal(at, Buffer.from('{}')).toString('latin1').startsWith('k8s:enc:')
  expect(covered.map(isSealed)).toEqual(covered.map(() => true))
  expect(others.map(isSealed)).toEqual(others.map(() => false))
})

test('the first rule that covers a resource counts, and a key may serve several', () => {
  const sealing = configurationOf(ruleOf('events', plain), ruleOf("'*.'", gcm('one', key.a)), ruleOf("'*.*'", gcm('one', key.a)))
  expect(sealing.seal('core/events/a/b', Buffer.from('{}')).toString()).toBe('{}')
  expect(sealing.seal('apps/deployments/a/b', Buffer.from('{}')).toString('latin1')).toMatch(/^k8s:enc:aesgcm:v1:one:/)
})

test.each([
  [
    'an unknown provider',
    ruleOf('secrets', '{kms: {name: x}}'),
    'resources[0].providers[0].kms: a mapping: unknown provider; allowed: aesgcm, aescbc, identity',
  ],
  ['two providers in one', ruleOf('secrets', '{identity: {}, aescbc: {keys: []}}'), 'must name one provider'],
  ['no provider', ruleOf('secrets'), 'resources[0].providers: a list: must have at least one element'],
  ['no resources', ruleOf('', plain), 'resources[0].resources: a list: must have at least one element'],
  ['a strange resource', ruleOf("'**'", plain), 'resources[0].resources[0]: "**": must be RESOURCE, RESOURCE.GROUP'],
  ['a short key', ruleOf('secrets', gcm('one', 'c2hvcnQ=')), 'keys[0].secret: a mapping: must be base64 of 16, 24, 32 bytes'],
  [
    'two keys of one name',
    ruleOf('secrets', gcm('one', key.a), gcm('one', key.b)),
    'must be unique: another key of this provider has this name',
  ],
  ['a name that ends the prefix', ruleOf('secrets', gcm("'a:b'", key.a)), 'a name without ":" and spaces'],
])('a configuration with %s is refused, without showing a key', (_, rule, message) => {
  let text = ''
  try {
    configurationOf(rule)
  } catch (error) {
    text = (error as Error).message
  }
  expect(text).toContain(message)
  expect(text).not.toMatch(/c2hvcnQ=|[A-Za-z0-9+/]{20,}=/)
})
