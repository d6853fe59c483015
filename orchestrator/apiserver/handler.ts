import { badRequest, methodNotAllowed, pathNotFound } from '../api/status-error.ts'
import { attributesOf, type Authorizer, forbiddenError } from './auth/authorizer.ts'
import type { Answer, ApiRequest } from './request.ts'
import type { RequestInfo } from './rest/request-info.ts'
import type { Resources } from './rest/resources.ts'

/** Something that may answer a request; `undefined` passes it on. */
export interface Route {
  answer(request: ApiRequest): Promise<Answer> | Answer | undefined
  /** Whether such a request goes on to somebody else, who reads its body. */
  passesOn?(info: RequestInfo): boolean
}

/** The server without a network: authorization, then whoever is responsible. */
export class Handler {
  readonly #authorizer: Authorizer
  readonly #resources: Resources
  readonly #routes: readonly Route[]

  /** `routes` are asked in order, before resources of the declared kinds. */
  constructor(options: { readonly authorizer: Authorizer; readonly resources: Resources; readonly routes: readonly Route[] }) {
    this.#authorizer = options.authorizer
    this.#resources = options.resources
    this.#routes = options.routes
  }

  /** False where the request goes on to somebody else. */
  servesItself(info: RequestInfo): boolean {
    return !this.#routes.some((route) => route.passesOn?.(info) === true)
  }

  async handle(request: ApiRequest): Promise<Answer> {
    const { info, user } = request
    if (info.verb === '')
      throw info.isResource
        ? methodNotAllowed({ group: info.group, plural: info.resource }, info.method)
        : badRequest(`unsupported method ${info.method}`)
    const attributes = attributesOf(user, info)
    const { isAllowed, reason } = this.#authorizer.authorize(attributes)
    request.audit?.setDecision(isAllowed, reason)
    if (!isAllowed) throw forbiddenError(attributes, reason)
    for (const route of this.#routes) {
      const answer = route.answer(request)
      if (answer !== undefined) return answer
    }
    if (!info.isResource) throw pathNotFound()
    return this.#resources.handle(request)
  }
}
