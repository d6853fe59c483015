/** A binary heap: the first of its items, by an order that is given, is always at hand. */
export class Heap<T> {
  readonly #items: T[] = []
  readonly #isBefore: (a: T, b: T) => boolean

  constructor(isBefore: (a: T, b: T) => boolean) {
    this.#isBefore = isBefore
  }

  get top(): T | undefined {
    return this.#items[0]
  }

  get size(): number {
    return this.#items.length
  }

  push(item: T): void {
    const items = this.#items
    items.push(item)
    for (let index = items.length - 1; index > 0;) {
      const parent = (index - 1) >> 1
      if (!this.#isBefore(items[index]!, items[parent]!)) return
      ;[items[index], items[parent]] = [items[parent]!, items[index]!]
      index = parent
    }
  }

  /** Removes the top. */
  pop(): void {
    const last = this.#items.pop()
    if (this.#items.length === 0 || last === undefined) return
    this.#items[0] = last
    this.sink()
  }

  /** To be called when the top has come to a later place. */
  sink(): void {
    const items = this.#items
    for (let index = 0; ;) {
      const left = index * 2 + 1
      if (left >= items.length) return
      const child = left + 1 < items.length && this.#isBefore(items[left + 1]!, items[left]!) ? left + 1 : left
      if (!this.#isBefore(items[child]!, items[index]!)) return
      ;[items[index], items[child]] = [items[child]!, items[index]!]
      index = child
    }
  }
}
