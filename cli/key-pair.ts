import { readFileSync } from 'node:fs'
import type { KeyPair } from '../lib/pki.ts'
import type { DataFolder } from './data-folder.ts'

/** Reads a pair that `ensureCredentials` made. Apart from it, so that who only reads does not load what makes certificates. */
export function readPair(folder: DataFolder, name: string): KeyPair {
  return { cert: readFileSync(folder.path('pki', `${name}.crt`), 'utf8'), key: readFileSync(folder.path('pki', `${name}.key`), 'utf8') }
}
