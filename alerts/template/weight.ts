import { TemplateError } from './syntax.ts'
import { Thing, listOf } from './value.ts'
import type { Value } from './value.ts'

interface Size {
  /** Characters and elements that it takes to write the value down. */
  readonly weight: number
  readonly depth: number
}

/** Lists in lists in lists: deeper than this, a value is taken for an attack. */
const maxDepth = 50

const sizes = new WeakMap<object, Size>()

/**
 * How much it takes to write a value down, found without doing so: a list that holds another one twice, and so on, is small in memory and
 * endless as text.
 */
export function weightOf(value: Value): number {
  return sizeOf(value).weight
}

function sizeOf(value: Value): Size {
  if (typeof value === 'string') return { weight: value.length + 1, depth: 0 }
  if (typeof value !== 'object') return { weight: 1, depth: 0 }
  const known = sizes.get(value)
  if (known !== undefined) return known
  const size = measure(value)
  if (size.depth > maxDepth) throw new TemplateError(`values are nested deeper than ${maxDepth}`)
  sizes.set(value, size)
  return size
}

function measure(value: Value): Size {
  let weight = 1
  let depth = 0
  const add = (member: Value, name = '') => {
    const size = sizeOf(member)
    weight += size.weight + name.length
    depth = Math.max(depth, size.depth + 1)
  }
  for (const element of listOf(value) ?? []) add(element)
  if (!(value instanceof Thing)) return { weight, depth }
  for (const [name, member] of value.entries ?? []) add(member, name)
  if (value.list === undefined && value.entries === undefined) for (const [name, member] of value.fields) add(member, name)
  return { weight, depth }
}
