import type { Tags } from 'yaml'
import { lazyPackage } from '../../lib/lazy-package.ts'
import { decodeJson, decodeUtf8, type Decoded } from './decode-json.ts'
import { badRequest } from './status-error.ts'

// The parser is loaded for the first real YAML: clients that send JSON under YAML's name never need its megabytes.
const yaml = lazyPackage<typeof import('yaml')>('yaml')

/** Parses one YAML document, or JSON; throws a BadRequest for malformed text. Aliases are resolved within bounds. */
export function decodeYaml(bytes: Uint8Array | string): Decoded {
  const text = typeof bytes === 'string' ? bytes : decodeUtf8(bytes)
  if (/^\s*\{/.test(text)) {
    try {
      return decodeJson(text)
    } catch {
      // A flow mapping of YAML also starts with a brace.
    }
  }
  try {
    return parseYaml(text)
  } catch (error) {
    // Besides syntax errors: alias bombs, and nesting that exhausts the parser's stack.
    throw badRequest(`error converting YAML to JSON: yaml: ${(error as Error).message.split('\n')[0]}`)
  }
}

function parseYaml(text: string): Decoded {
  const library = yaml()
  const documents = library.parseAllDocuments(text, {
    uniqueKeys: false,
    version: '1.1',
    schema: 'yaml-1.1',
    customTags: withoutSpecialTags,
  })
  const document = Array.isArray(documents) ? documents.find((candidate) => candidate.contents !== null) : undefined
  if (document === undefined) throw new Error('the document is empty')
  const error = document.errors[0]
  if (error !== undefined) throw error
  const duplicates: string[] = []
  collectDuplicates(library, document.contents, { path: '', duplicates })
  return { value: document.toJS({ maxAliasCount: 100 }), duplicates }
}

/** YAML 1.1 as Kubernetes reads it has its booleans (`yes`, `off`) and octals, but no dates, sexagesimal numbers, binaries or sets. */
const specialTags = new Set([
  'tag:yaml.org,2002:timestamp',
  'tag:yaml.org,2002:binary',
  'tag:yaml.org,2002:omap',
  'tag:yaml.org,2002:pairs',
  'tag:yaml.org,2002:set',
])

function withoutSpecialTags(tags: Tags): Tags {
  return tags.filter((tag) => typeof tag === 'string' || !(specialTags.has(tag.tag) || ('format' in tag && tag.format === 'TIME')))
}

interface Walk {
  readonly path: string
  readonly duplicates: string[]
}

function collectDuplicates(yaml: typeof import('yaml'), node: unknown, { path, duplicates }: Walk): void {
  if (yaml.isSeq(node)) {
    node.items.forEach((item, index) => collectDuplicates(yaml, item, { path: `${path}[${index}]`, duplicates }))
    return
  }
  if (!yaml.isMap(node)) return
  const seen = new Set<string>()
  for (const { key, value } of node.items) {
    if (!yaml.isScalar(key)) continue
    const name = String(key.value)
    const child = path === '' ? name : `${path}.${name}`
    if (seen.has(name)) duplicates.push(child)
    seen.add(name)
    collectDuplicates(yaml, value, { path: child, duplicates })
  }
}
