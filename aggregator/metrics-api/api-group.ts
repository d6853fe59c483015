import type { KindDeclaration } from '../../orchestrator/api/kind-declaration.ts'
import type { KubeObject } from '../../orchestrator/api/object.ts'
import type { WatchRequest } from './watch.ts'
import type { Query } from './query.ts'

/** One resource (or `resource/metric`) of a group version, as discovery lists it. */
export interface ApiResource {
  readonly name: string
  readonly singularName: string
  readonly namespaced: boolean
  readonly kind: string
  readonly verbs: readonly string[]
}

/** What a request is for, as the authorizer is asked. */
export interface ResourceAccess {
  readonly resource: string
  readonly subresource?: string
  readonly namespace?: string
  readonly name?: string
}

/** A body before it is written: one object or a list of a kind that can be shown as a Table, or a value as it is. */
export type Answer =
  | { readonly type: 'object'; readonly declaration: KindDeclaration; readonly object: KubeObject }
  | {
      readonly type: 'list'
      readonly declaration: KindDeclaration
      readonly items: readonly KubeObject[]
      readonly resourceVersion: string
    }
  | { readonly type: 'value'; readonly value: object }

/** One thing that can be asked of a group version. */
export interface Operation {
  readonly access: ResourceAccess
  /** `list` where the path names no single object. */
  readonly verb: 'get' | 'list'
  /** Throws a `StatusError` for parameters that it cannot use and for what is not there. */
  answer(query: Query): Answer | Promise<Answer>
  /** Where changes are streamed; absent where there is no watch. */
  watch?(query: Query): { readonly declaration: KindDeclaration } & Omit<WatchRequest, 'present'>
}

/** An OpenAPI schema; `referencePrefix` is where the document keeps its schemas. */
export type Schemas = (referencePrefix: string) => Readonly<Record<string, object>>

/** A group of the API: its documents are made from this, its paths looked up here. */
export interface ApiGroup {
  readonly name: string
  /** The preferred one first. */
  readonly versions: readonly string[]
  resources(version: string): readonly ApiResource[]
  /** The schemas of its kinds, and for each path (behind the version) the schema that it answers. */
  schemas(version: string): { readonly schemas: Schemas; readonly paths: readonly ApiPath[] }
  /** The operation behind the decoded path segments after the version; `undefined` where nothing is served. */
  find(version: string, segments: readonly string[]): Operation | undefined
}

/** A path for the OpenAPI documents. */
export interface ApiPath {
  readonly path: string
  readonly action: 'get' | 'list'
  readonly kind: string
  readonly schema: string
  readonly parameters: readonly string[]
}
