import { existsSync, mkdirSync } from 'node:fs'
import {
  createAuthority,
  createSigningKey,
  inspectCertificate,
  issueCertificate,
  type CertificateRequest,
  type KeyPair,
} from '../lib/pki.ts'
import { writeFileAtomically, type DataFolder } from './data-folder.ts'
import { ensureEncryptionKey } from './encryption.ts'
import { readPair } from './key-pair.ts'

/** A certificate is made anew when less than this is left of its life. */
const renewBeforeMs = 60 * 24 * 3600 * 1000

/** Who gets a certificate, beside the authorities. Names are those of the files under `pki/`. */
export interface CredentialOptions {
  readonly folder: DataFolder
  readonly now: number
  readonly nodes: readonly string[]
  /** Addresses at which the API server and the node agents are reached, beside localhost. */
  readonly addresses: readonly string[]
  /** Names and addresses of the API server alone. */
  readonly serverNames: readonly string[]
  readonly apiPort: number
}

/** Makes what is missing of the cluster's authorities, certificates, keys and admin kubeconfig; what is there and still good stays. */
export async function ensureCredentials(options: CredentialOptions): Promise<void> {
  const { folder, now, addresses } = options
  mkdirSync(folder.path('pki'), { recursive: true, mode: 0o700 })
  const ca = await ensurePair(folder, 'ca', () => createAuthority('binnacle-ca', now))
  const frontProxyCa = await ensurePair(folder, 'front-proxy-ca', () => createAuthority('binnacle-front-proxy-ca', now))
  const loopback = ['localhost', '127.0.0.1', '::1']
  const leaf = (authority: KeyPair, file: string, request: Omit<CertificateRequest, 'now'>) =>
    ensureLeaf({ folder, file, authority, request: { ...request, now } })
  await leaf(ca, 'apiserver', {
    commonName: 'kube-apiserver',
    isServer: true,
    hosts: [
      ...loopback,
      'kubernetes',
      'kubernetes.default',
      'kubernetes.default.svc',
      'kubernetes.default.svc.cluster.local',
      ...addresses,
      ...options.serverNames,
    ],
  })
  await leaf(ca, 'apiserver-kubelet-client', {
    commonName: 'kube-apiserver-kubelet-client',
    organization: 'system:masters',
    isClient: true,
  })
  await leaf(frontProxyCa, 'front-proxy-client', { commonName: 'front-proxy-client', isClient: true })
  await leaf(ca, 'monitor', { commonName: 'system:binnacle:monitor', isClient: true, isServer: true, hosts: loopback })
  for (const node of options.nodes) {
    await leaf(ca, `node-${node}`, {
      commonName: `system:node:${node}`,
      organization: 'system:nodes',
      isClient: true,
      isServer: true,
      hosts: [...loopback, node, ...addresses],
    })
  }
  const admin = await leaf(ca, 'admin', { commonName: 'kubernetes-admin', organization: 'system:masters', isClient: true })
  if (!existsSync(folder.path('pki', 'sa.key'))) writeFileAtomically(folder.path('pki', 'sa.key'), await createSigningKey())
  ensureEncryptionKey(folder)
  writeFileAtomically(folder.kubeconfig, kubeconfigText(`https://127.0.0.1:${options.apiPort}`, ca.cert, admin))
}

async function ensurePair(folder: DataFolder, name: string, make: () => Promise<KeyPair>): Promise<KeyPair> {
  if (existsSync(folder.path('pki', `${name}.crt`)) && existsSync(folder.path('pki', `${name}.key`))) return readPair(folder, name)
  const pair = await make()
  writeFileAtomically(folder.path('pki', `${name}.key`), pair.key)
  writeFileAtomically(folder.path('pki', `${name}.crt`), pair.cert)
  return pair
}

interface LeafOptions {
  readonly folder: DataFolder
  readonly file: string
  readonly authority: KeyPair
  readonly request: CertificateRequest
}

async function ensureLeaf({ folder, file, authority, request }: LeafOptions): Promise<KeyPair> {
  if (existsSync(folder.path('pki', `${file}.crt`)) && existsSync(folder.path('pki', `${file}.key`))) {
    const pair = readPair(folder, file)
    const { notAfter, hosts } = inspectCertificate(pair.cert)
    const isComplete = (request.hosts ?? []).every((host) => hosts.includes(host))
    if (notAfter - request.now > renewBeforeMs && isComplete) return pair
  }
  const pair = await issueCertificate(authority, request)
  writeFileAtomically(folder.path('pki', `${file}.key`), pair.key)
  writeFileAtomically(folder.path('pki', `${file}.crt`), pair.cert)
  return pair
}

function kubeconfigText(server: string, ca: string, admin: KeyPair): string {
  const base64 = (text: string) => Buffer.from(text).toString('base64')
  return `apiVersion: v1
kind: Config
current-context: binnacle
clusters:
- name: binnacle
  cluster:
    server: ${server}
    certificate-authority-data: ${base64(ca)}
contexts:
- name: binnacle
  context:
    cluster: binnacle
    user: binnacle-admin
users:
- name: binnacle-admin
  user:
    client-certificate-data: ${base64(admin.cert)}
    client-key-data: ${base64(admin.key)}
`
}
