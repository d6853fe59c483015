import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { FileError } from '../lib/document.ts'
import { createSecretsSealing, parseEncryptionConfiguration } from '../orchestrator/apiserver/encryption/configuration.ts'
import { cipherKey, type CipherKey } from '../orchestrator/apiserver/encryption/providers.ts'
import type { Sealing } from '../orchestrator/store/sealed-medium.ts'
import { type DataFolder, DataFolderError, writeFileAtomically } from './data-folder.ts'
import { type ClusterOptions, UsageError } from './options.ts'

/** One line, `NAME:SECRET` with 32 bytes in base64. */
const ownFile = (folder: DataFolder): string => folder.path('pki', 'encryption.key')

/** How the store is encrypted: as the flag's file says, or Secrets with the cluster's own key. Throws `UsageError` for a file that cannot be used. */
export function sealingOf(options: ClusterOptions, folder: DataFolder): Sealing {
  const own = ownKey(ownFile(folder))
  const file = options.encryptionConfig
  if (file === undefined) return createSecretsSealing(ownFile(folder), own)
  try {
    return parseEncryptionConfiguration(file, readFileSync(file, 'utf8'), [own])
  } catch (error) {
    if (error instanceof FileError || (error as NodeJS.ErrnoException).syscall !== undefined)
      throw new UsageError(`--encryption-provider-config: ${(error as Error).message}`)
    throw error
  }
}

/** Makes the cluster's own key where there is none, of 256 bits. */
export function ensureEncryptionKey(folder: DataFolder): void {
  const file = ownFile(folder)
  if (!existsSync(file)) writeFileAtomically(file, `own-${randomBytes(4).toString('hex')}:${randomBytes(32).toString('base64')}\n`)
}

function ownKey(file: string): CipherKey {
  const [, name, secret] = /^([a-z0-9-]+):([A-Za-z0-9+/]{43}=)\n?$/.exec(readFileSync(file, 'utf8')) ?? []
  if (name === undefined || secret === undefined)
    throw new DataFolderError(`${file} is damaged: it must hold NAME:SECRET, 32 bytes in base64`)
  return cipherKey('aesgcm', name, Buffer.from(secret, 'base64'))
}
