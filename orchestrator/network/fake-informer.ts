import { keyOf } from '../api/object.ts'
import type { Kind, KubeObject } from '../api/object.ts'
import type { ChangeHandler, Informer, InformerFactory, InformerOptions } from '../client/informer.ts'

/** An informer whose content a test sets by hand; synced from the start. */
export class FakeInformer<T extends KubeObject> implements Informer<T> {
  readonly kind: Kind<T>
  readonly hasSynced = true
  revision = 1
  readonly #objects = new Map<string, T>()
  readonly #handlers = new Set<ChangeHandler<T>>()

  constructor(kind: Kind<T>) {
    this.kind = kind
  }

  /** Adds or replaces an object and tells the handlers. */
  put(object: T): void {
    const previous = this.#objects.get(keyOf(object))
    this.#objects.set(keyOf(object), object)
    this.revision++
    for (const handler of this.#handlers) {
      if (previous === undefined) handler.added?.(object)
      else handler.updated?.(object, previous)
    }
  }

  /** Removes an object, if there, and tells the handlers. */
  remove(key: string): void {
    const object = this.#objects.get(key)
    if (object === undefined) return
    this.#objects.delete(key)
    this.revision++
    for (const handler of this.#handlers) handler.deleted?.(object)
  }

  get(key: string): T | undefined {
    return this.#objects.get(key)
  }

  list(): Iterable<T> {
    return this.#objects.values()
  }

  byIndex(): Iterable<T> {
    return []
  }

  onChange(handler: ChangeHandler<T>): () => void {
    this.#handlers.add(handler)
    for (const object of this.#objects.values()) handler.added?.(object)
    return () => this.#handlers.delete(handler)
  }

  async waitForSync(): Promise<void> {}

  async waitForRevision(): Promise<void> {}
}

/** A factory of `FakeInformer`s, one per kind. */
export class FakeInformerFactory implements InformerFactory {
  readonly #informers = new Map<string, FakeInformer<KubeObject>>()

  informer<T extends KubeObject>(kind: Kind<T>, _options?: InformerOptions<T>): Informer<T> {
    return this.fake(kind)
  }

  /** The informer of a kind as what it is, so that a test can fill it. */
  fake<T extends KubeObject>(kind: Kind<T>): FakeInformer<T> {
    const name = `${kind.group}/${kind.plural}`
    let informer = this.#informers.get(name)
    if (informer === undefined) {
      informer = new FakeInformer<KubeObject>(kind)
      this.#informers.set(name, informer)
    }
    return informer as unknown as FakeInformer<T>
  }

  run(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal.aborted) resolve()
      else signal.addEventListener('abort', () => resolve(), { once: true })
    })
  }
}
