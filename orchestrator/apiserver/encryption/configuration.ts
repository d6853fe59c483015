import { DocumentReader, type Field } from '../../../lib/document.ts'
import type { Opened, Sealing } from '../../store/sealed-medium.ts'
import { StoreError } from '../../store/store.ts'
import { type CipherKey, type CipherKind, cipherKey, keyLengths, providerKinds, sealedPrefix } from './providers.ts'

/** Which resources are encrypted with what: the first rule that covers a key of the store counts, and its first provider writes. */
interface EncryptionRule {
  readonly covers: (key: string) => boolean
  /** `undefined`: kept as it is. */
  readonly writer: CipherKey | undefined
}

/**
 * Reads a file with an EncryptionConfiguration of `apiserver.config.k8s.io/v1`: providers `aesgcm`, `aescbc` and `identity`. Throws `FileError` with
 * everything that is wrong with it; messages never hold a key. `readers` are keys that open what they once encrypted, beside those of the file.
 */
export function parseEncryptionConfiguration(file: string, text: string, readers: readonly CipherKey[] = []): Sealing {
  const reader = new DocumentReader(file, text)
  const root = reader.record(reader.root, ['apiVersion', 'kind', 'resources'], ['apiVersion', 'kind', 'resources'])
  reader.word(root.apiVersion, ['apiserver.config.k8s.io/v1'])
  reader.word(root.kind, ['EncryptionConfiguration'])
  const ring = new KeyRing()
  const rules = reader.list(root.resources).map((field) => readRule(reader, field, ring))
  if (root.resources !== undefined && rules.length === 0) reader.problem(root.resources, 'must have at least one element')
  reader.finish()
  return new ConfiguredSealing(file, rules, new Map([...readers.map((key) => [key.prefix, key] as const), ...ring.ciphers]))
}

/** Encrypts Secrets, and nothing else, with one key, which stands in `file`. */
export function createSecretsSealing(file: string, key: CipherKey): Sealing {
  return new ConfiguredSealing(file, [{ covers: (at) => at.startsWith('core/secrets/'), writer: key }], new Map([[key.prefix, key]]))
}

class ConfiguredSealing implements Sealing {
  readonly #file: string
  readonly #rules: readonly EncryptionRule[]
  /** Every key of the file by its prefix: what a rule no longer covers can still be read. */
  readonly #ciphers: ReadonlyMap<string, CipherKey>

  constructor(file: string, rules: readonly EncryptionRule[], ciphers: ReadonlyMap<string, CipherKey>) {
    this.#file = file
    this.#rules = rules
    this.#ciphers = ciphers
  }

  seal(key: string, bytes: Buffer): Buffer {
    const writer = this.#writerOf(key)
    return writer === undefined ? bytes : writer.encrypt(bytes, key)
  }

  open(key: string, kept: Buffer): Opened {
    const writer = this.#writerOf(key)
    const prefix = prefixOf(kept)
    if (prefix === undefined) return { bytes: kept, isCurrent: writer === undefined }
    const cipher = this.#ciphers.get(prefix)
    const [, , kind, , name] = prefix.split(':')
    if (cipher === undefined)
      throw new StoreError('broken', `${key} is encrypted with the key ${name} of ${kind}, which ${this.#file} does not have`)
    try {
      return { bytes: cipher.decrypt(kept, key), isCurrent: cipher === writer }
    } catch (cause) {
      const why = `the key ${name} of ${kind} in ${this.#file}: it is another key, or the value is damaged`
      throw new StoreError('broken', `${key} cannot be read with ${why}`, { cause })
    }
  }

  #writerOf(key: string): CipherKey | undefined {
    return this.#rules.find(({ covers }) => covers(key))?.writer
  }
}

/** All keys of a file. The same one may stand at several resources. */
class KeyRing {
  readonly ciphers = new Map<string, CipherKey>()
  readonly #secrets = new Map<string, Buffer>()

  /** `undefined` where the name belongs to another key already. */
  add(kind: CipherKind, name: string, secret: Buffer): CipherKey | undefined {
    const made = cipherKey(kind, name, secret)
    const present = this.ciphers.get(made.prefix)
    if (present !== undefined) return this.#secrets.get(made.prefix)!.equals(secret) ? present : undefined
    this.ciphers.set(made.prefix, made)
    this.#secrets.set(made.prefix, secret)
    return made
  }
}

/** `k8s:enc:KIND:v1:NAME:` of an encrypted value. The JSON of an object begins otherwise. */
function prefixOf(kept: Buffer): string | undefined {
  if (kept.toString('latin1', 0, sealedPrefix.length) !== sealedPrefix) return undefined
  let end = sealedPrefix.length
  for (let parts = 0; parts < 3 && end > 0; parts++) end = kept.indexOf(0x3a, end) + 1
  return end === 0 ? undefined : kept.toString('utf8', 0, end)
}

function readRule(reader: DocumentReader, field: Field, ring: KeyRing): EncryptionRule {
  const { resources, providers } = reader.record(field, ['resources', 'providers'], ['resources', 'providers'])
  const names = reader.list(resources).flatMap((item) => {
    const prefix = reader.parsed(item, keyPrefixOf, 'RESOURCE, RESOURCE.GROUP, *.GROUP, "*." (the core group) or "*.*"')
    return prefix === undefined ? [] : [prefix]
  })
  if (resources !== undefined && names.length === 0) reader.problem(resources, 'must have at least one element')
  const writers = reader.list(providers).map((provider) => readProvider(reader, provider, ring))
  if (providers !== undefined && writers.length === 0) reader.problem(providers, 'must have at least one element')
  return { covers: (key) => names.some((prefix) => key.startsWith(prefix)), writer: writers[0] }
}

/** The prefix that keys of such resources have in the store; `undefined` for what is not a name of resources. */
function keyPrefixOf(name: string): string | undefined {
  if (name === '*.*') return ''
  const [, resource, group] = /^(\*|[a-z][a-z0-9-]*)(?:\.([a-z0-9.-]*))?$/.exec(name) ?? []
  if (resource === undefined || (resource === '*' && group === undefined) || (resource !== '*' && group === '')) return undefined
  const root = `${group === undefined || group === '' ? 'core' : group}/`
  return resource === '*' ? root : `${root}${resource}/`
}

/** The key with which a provider writes; all its keys are added to `ring`. */
function readProvider(reader: DocumentReader, field: Field, ring: KeyRing): CipherKey | undefined {
  const members = reader.entries(field)
  const [kind, provider] = members[0] ?? []
  if (members.length !== 1 || provider === undefined) return reader.problem(field, `must name one provider of ${providerKinds.join(', ')}`)
  if (kind === 'identity') return undefined
  if (!(providerKinds as readonly string[]).includes(kind!))
    return reader.problem(provider, `unknown provider; allowed: ${providerKinds.join(', ')}`)
  const { keys } = reader.record(provider, ['keys'], ['keys'])
  const read = reader.list(keys).map((item) => readKey(reader, item, (name, secret) => ring.add(kind as CipherKind, name, secret)))
  if (keys !== undefined && read.length === 0) reader.problem(keys, 'must have at least one element')
  return read[0]
}

function readKey(
  reader: DocumentReader,
  field: Field,
  add: (name: string, secret: Buffer) => CipherKey | undefined,
): CipherKey | undefined {
  const { name, secret } = reader.record(field, ['name', 'secret'], ['name', 'secret'])
  const label = reader.parsed(name, (text) => (/^[^:\s]+$/.test(text) ? text : undefined), 'a name without ":" and spaces')
  const bytes = secret === undefined ? undefined : secretOf(reader.text(secret) ?? '')
  // A problem shows the value of its field, and this one is nobody's business: it is told at the key.
  if (secret !== undefined && bytes === undefined)
    reader.problem({ path: `${field.path}.secret`, node: field.node }, `must be base64 of ${keyLengths.join(', ')} bytes`)
  if (label === undefined || bytes === undefined) return undefined
  return add(label, bytes) ?? reader.problem(name!, 'must be unique: another key of this provider has this name')
}

function secretOf(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64')
  return keyLengths.includes(bytes.length) && bytes.toString('base64') === text ? bytes : undefined
}
