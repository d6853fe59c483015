import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { FileError } from '../lib/document.ts'
import { parseEncryptionConfiguration } from '../orchestrator/apiserver/encryption/configuration.ts'
import type { Sealing } from '../orchestrator/store/sealed-medium.ts'
import { type DataFolder, writeFileAtomically } from './data-folder.ts'
import { type ClusterOptions, UsageError } from './options.ts'

const ownFile = (folder: DataFolder): string => folder.path('pki', 'encryption.yaml')

/** How the store is encrypted: as the flag's file says, or Secrets with the cluster's own key. Throws `UsageError` for a file that cannot be used. */
export function sealingOf(options: ClusterOptions, folder: DataFolder): Sealing {
  const file = options.encryptionConfig ?? ownFile(folder)
  try {
    return parseEncryptionConfiguration(file, readFileSync(file, 'utf8'))
  } catch (error) {
    if (error instanceof FileError || (error as NodeJS.ErrnoException).syscall !== undefined)
      throw new UsageError(`--encryption-provider-config: ${(error as Error).message}`)
    throw error
  }
}

/** Makes the cluster's own key where there is none: Secrets are encrypted with AES-GCM under a key of 256 bits. */
export function ensureEncryptionKey(folder: DataFolder): void {
  const file = ownFile(folder)
  if (!existsSync(file)) writeFileAtomically(file, encryptionText(`key-${randomBytes(4).toString('hex')}`, randomBytes(32)))
}

function encryptionText(name: string, secret: Buffer): string {
  return `# Without this file the cluster's Secrets are lost: keep a copy with the other keys.
apiVersion: apiserver.config.k8s.io/v1
kind: EncryptionConfiguration
resources:
- resources: [secrets]
  providers:
  - aesgcm:
      keys:
      - name: ${name}
        secret: ${secret.toString('base64')}
  - identity: {}
`
}
