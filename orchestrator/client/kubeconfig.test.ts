import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { KubeconfigError, loadKubeconfig } from './kubeconfig.ts'

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kubeconfig-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const base64 = (text: string) => Buffer.from(text).toString('base64')
const config = (user: string, cluster = `certificate-authority-data: ${base64('CA')}`) => `
apiVersion: v1
kind: Config
current-context: main
contexts:
- name: main
  context: { cluster: home, user: me, namespace: team }
clusters:
- name: home
  cluster:
    server: https://127.0.0.1:6443
    ${cluster}
users:
- name: me
  user:
    ${user}
`

test('reads server, authority and client certificate of the current context', () => {
  const text = config(`client-certificate-data: ${base64('CERT')}\n    client-key-data: ${base64('KEY')}`)
  expect(loadKubeconfig({ text })).toEqual({ server: 'https://127.0.0.1:6443', namespace: 'team', ca: 'CA', cert: 'CERT', key: 'KEY' })
})

test('paths are relative to the file', () => {
  writeFileSync(join(folder, 'ca.pem'), 'CA FILE')
  writeFileSync(join(folder, 'token'), 'secret\n')
  writeFileSync(join(folder, 'config'), config('tokenFile: token', 'certificate-authority: ca.pem'))
  expect(loadKubeconfig({ path: join(folder, 'config') })).toMatchObject({
    ca: 'CA FILE',
    token: 'secret',
    tokenFile: join(folder, 'token'),
  })
})

test.each([
  { name: 'text that is no YAML', text: '{', message: /kubeconfig: is not YAML/ },
  { name: 'another kind', text: 'kind: Pod', message: /kind must be Config/ },
  {
    name: 'an unknown context',
    text: config('token: t'),
    context: 'other',
    message: /contexts: has no context called "other"; there are: "main"/,
  },
  {
    name: 'a certificate without its key',
    text: config(`client-certificate-data: ${base64('CERT')}`),
    message: /client-certificate and client-key go together/,
  },
  {
    name: 'a user that runs a command',
    text: config('exec: { command: login }'),
    message: /users\[\]\.user\.exec: is not supported; give/,
  },
  { name: 'a file that is not there', text: config('tokenFile: /none/token'), message: /tokenFile: cannot read "\/none\/token"/ },
  { name: 'a value of another type', text: config('token: [1]'), message: /users\[\]\.user\.token: must be a text, is \[1\]/ },
])('refuses $name, naming the field', ({ text, context, message }) => {
  expect(() => loadKubeconfig({ text }, context)).toThrow(KubeconfigError)
  expect(() => loadKubeconfig({ text }, context)).toThrow(message)
})
