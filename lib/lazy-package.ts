import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)

/**
 * A package that is loaded when it is first asked for, at once and once: an `import` takes its megabytes of every process in which the importing file is,
 * whether anybody comes by or not. `T` is `typeof import('NAME')`.
 */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the name decides the type; callers say which one it is
export function lazyPackage<T>(name: string): () => T {
  let loaded: T | undefined
  return () => (loaded ??= require(name) as T)
}
