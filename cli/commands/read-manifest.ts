import { readFileSync } from 'node:fs'
import { parseAllDocuments } from 'yaml'
import { convertLegacy } from '../../orchestrator/api/legacy.ts'
import type { KubeObject } from '../../orchestrator/api/object.ts'
import { CommandError } from '../cluster-connection.ts'

const maxAliases = 100

/** The objects of a file of YAML or JSON, `-` for standard input; lists are taken apart, retired kinds told in today's. Throws `CommandError`. */
export function readManifest(file: string): readonly KubeObject[] {
  let text: string
  try {
    text = readFileSync(file === '-' ? 0 : file, 'utf8')
  } catch (error) {
    throw new CommandError(`the path "${file}" cannot be read: ${(error as Error).message}`)
  }
  const objects = parse(file, text).flatMap((object) => (isList(object) ? object.items : [object]))
  if (objects.length === 0) throw new CommandError(`please make sure ${file} exists and is not empty`)
  return objects.map((object) => {
    if (!isObject(object)) throw new CommandError(`${file}: every object needs apiVersion and kind`)
    const current = convertLegacy(object) ?? object
    if (typeof current.metadata?.name !== 'string') throw new CommandError(`${file}: metadata.name is missing`)
    return current
  })
}

function parse(file: string, text: string): readonly unknown[] {
  const documents = parseAllDocuments(text)
  if (!Array.isArray(documents)) return []
  return documents
    .map((document) => {
      const [error] = document.errors
      if (error !== undefined) throw new CommandError(`${file}: ${error.message.split('\n')[0]}`)
      return document.toJS({ maxAliasCount: maxAliases }) as unknown
    })
    .filter((object) => object !== null && object !== undefined)
}

const isObject = (value: unknown): value is KubeObject =>
  typeof value === 'object' &&
  value !== null &&
  typeof (value as Partial<KubeObject>).apiVersion === 'string' &&
  typeof (value as Partial<KubeObject>).kind === 'string'

const isList = (value: unknown): value is { readonly items: readonly unknown[] } =>
  isObject(value) && value.kind === 'List' && Array.isArray((value as { readonly items?: unknown }).items)
