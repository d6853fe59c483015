/** How many keys a block holds before it is split in two. */
const maxBlock = 512

/**
 * A map ordered by key (UTF-16 code units): blocks of sorted keys in a sorted list, so that insertion moves at most one block
 * and a range read is a walk over arrays.
 */
export class OrderedMap<V> {
  readonly #values = new Map<string, V>()
  #blocks: string[][] = []

  get size(): number {
    return this.#values.size
  }

  get(key: string): V | undefined {
    return this.#values.get(key)
  }

  set(key: string, value: V): void {
    const isNew = !this.#values.has(key)
    this.#values.set(key, value)
    if (isNew) this.#insert(key)
  }

  delete(key: string): boolean {
    if (!this.#values.delete(key)) return false
    const at = this.#blockOf(key)
    const block = this.#blocks[at]!
    block.splice(lowerBound(block, key), 1)
    if (block.length === 0) this.#blocks.splice(at, 1)
    return true
  }

  /** Values with `from <= key` (`from < key` when `isExclusive`) and `key < until`, in key order. */
  *range(from: string, until: string | undefined, isExclusive = false): Generator<V> {
    let at = this.#blockOf(from)
    let index = lowerBound(this.#blocks[at] ?? [], from)
    if (isExclusive && this.#blocks[at]?.[index] === from) index++
    for (; at < this.#blocks.length; at++, index = 0) {
      const block = this.#blocks[at]!
      for (; index < block.length; index++) {
        const key = block[index]!
        if (until !== undefined && key >= until) return
        yield this.#values.get(key)!
      }
    }
  }

  /** How many keys `k` have `from <= k < until`, without visiting them. */
  count(from: string, until: string | undefined): number {
    return Math.max(0, (until === undefined ? this.size : this.#rank(until)) - this.#rank(from))
  }

  /** How many keys are less than `key`. */
  #rank(key: string): number {
    const at = this.#blockOf(key)
    let rank = 0
    for (let block = 0; block < at; block++) rank += this.#blocks[block]!.length
    const block = this.#blocks[at]
    return block === undefined ? rank : rank + lowerBound(block, key)
  }

  #insert(key: string): void {
    const at = this.#blockOf(key)
    const block = this.#blocks[at]
    if (block === undefined) {
      this.#blocks.push([key])
      return
    }
    // Appending in order is the common case of loading and of generated names.
    if (block.at(-1)! < key) block.push(key)
    else block.splice(lowerBound(block, key), 0, key)
    if (block.length > maxBlock) this.#blocks.splice(at + 1, 0, block.splice(block.length >> 1))
  }

  /** The block that holds `key` or would: the last one that starts at or before it. */
  #blockOf(key: string): number {
    let low = 0
    let high = this.#blocks.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#blocks[middle]![0]! <= key) low = middle + 1
      else high = middle
    }
    return Math.max(0, low - 1)
  }
}

/** The first index of sorted `keys` whose key is not less than `key`. */
function lowerBound(keys: readonly string[], key: string): number {
  let low = 0
  let high = keys.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (keys[middle]! < key) low = middle + 1
    else high = middle
  }
  return low
}

/** The smallest text greater than every text that starts with `prefix`; `undefined` when there is no such bound. */
export function endOfPrefix(prefix: string): string | undefined {
  if (prefix === '') return undefined
  return prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1)
}
