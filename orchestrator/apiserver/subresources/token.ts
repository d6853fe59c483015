import { toTimestamp } from '../../../lib/clock.ts'
import type { AuthenticationV1TokenRequest } from '../../api/generated/kinds.ts'
import type { KubeObject } from '../../api/object.ts'
import { badRequest, conflict, invalid, methodNotAllowed, notFound } from '../../api/status-error.ts'
import type { BoundObject, ServiceAccountTokens } from '../auth/service-account-tokens.ts'
import type { Core, Target } from '../rest/core.ts'
import { decodeBody } from '../rest/decode.ts'
import type { SubresourceHandler } from '../rest/resources.ts'

const expected = {
  group: 'authentication.k8s.io',
  version: 'v1',
  kind: 'TokenRequest',
  definition: 'io.k8s.api.authentication.v1.TokenRequest',
}
const defaultSeconds = 3600
const minSeconds = 600
const maxSeconds = 24 * 3600
const boundResources: Readonly<Record<string, BoundObject['resource']>> = { Pod: 'pods', Secret: 'secrets', Node: 'nodes' }

/** `serviceaccounts/token`: issues a token for the account. */
export function tokenHandler(tokens: ServiceAccountTokens): SubresourceHandler {
  return async (core, target, request) => {
    const { view, namespace, name } = target
    if (request.info.verb !== 'create') throw methodNotAllowed(view.declaration.kind, request.info.method)
    const wanted = decodeBody<AuthenticationV1TokenRequest>(request, expected)
    const account = core.store.get(view.keyOf(namespace, name))?.object as KubeObject | undefined
    if (account === undefined) throw notFound(view.declaration.kind, name)
    const {
      audiences = [],
      expirationSeconds = defaultSeconds,
      boundObjectRef,
    } = wanted.spec as Partial<AuthenticationV1TokenRequest['spec']>
    checkSeconds(expirationSeconds)
    const bound = boundObjectRef === undefined ? undefined : findBound(core, target, boundObjectRef)
    const issued = await tokens.issue({
      namespace,
      name,
      uid: account.metadata.uid!,
      audiences,
      expirationSeconds: Math.min(expirationSeconds, maxSeconds),
      ...(bound === undefined ? {} : { bound }),
    })
    const metadata = { name, namespace, creationTimestamp: toTimestamp(core.clock.now()) }
    const spec = { ...wanted.spec, audiences: audiences.length > 0 ? audiences : [tokens.issuer], expirationSeconds }
    const status = { token: issued.token, expirationTimestamp: toTimestamp(issued.expiresAtMs) }
    return { type: 'object', code: 201, object: { kind: 'TokenRequest', apiVersion: 'authentication.k8s.io/v1', metadata, spec, status } }
  }
}

function checkSeconds(seconds: number): void {
  if (seconds >= minSeconds && seconds <= 2 ** 32) return
  const message = `Invalid value: ${seconds}: may not specify a duration ${seconds < minSeconds ? 'less than 10 minutes' : 'larger than 2^32 seconds'}`
  throw invalid({ group: 'authentication.k8s.io', kind: 'TokenRequest' }, '', [
    { reason: 'FieldValueInvalid', message, field: 'spec.expirationSeconds' },
  ])
}

function findBound(
  core: Core,
  { namespace, name }: Target,
  reference: { readonly kind?: string; readonly name?: string; readonly uid?: string },
): BoundObject {
  const resource = boundResources[reference.kind ?? '']
  if (resource === undefined || !reference.name)
    throw badRequest(`cannot bind token to object of type ${JSON.stringify(reference.kind ?? '')}: supported are Pod, Secret and Node`)
  const key = resource === 'nodes' ? `core/nodes/${reference.name}` : `core/${resource}/${namespace}/${reference.name}`
  const found = core.store.get(key)?.object as KubeObject | undefined
  if (found === undefined) throw notFound({ group: '', plural: resource }, reference.name)
  const uid = found.metadata.uid!
  if (reference.uid && reference.uid !== uid)
    throw conflict(
      { group: '', plural: resource },
      reference.name,
      `the UID in the bound object reference (${reference.uid}) does not match the UID in record. The object might have been deleted and then recreated`,
    )
  const { spec } = found as KubeObject & { readonly spec?: { readonly serviceAccountName?: string } }
  if (resource === 'pods' && spec?.serviceAccountName !== name)
    throw badRequest(`cannot bind token for serviceaccount ${JSON.stringify(name)} to pod running with different serviceaccount name.`)
  return { resource, name: reference.name, uid }
}
