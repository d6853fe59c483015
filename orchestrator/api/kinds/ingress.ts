import { forbiddenField, invalidValue, notSupported, required } from '../field-errors.ts'
import type { NetworkingV1Ingress, NetworkingV1IngressBackend } from '../generated/kinds.ts'
import type { StatusCause } from '../status-error.ts'
import { shorten } from './shorten.ts'

const pathTypes = ['Exact', 'ImplementationSpecific', 'Prefix']

/** Everything wrong with an ingress's spec. */
export function validateIngress({ spec }: NetworkingV1Ingress): StatusCause[] {
  const rules = spec.rules ?? []
  const causes: StatusCause[] = []
  if (rules.length === 0 && spec.defaultBackend === undefined)
    causes.push(invalidValue('spec', {}, 'either `defaultBackend` or `rules` must be specified'))
  if (spec.defaultBackend !== undefined) causes.push(...validateBackend(spec.defaultBackend, 'spec.defaultBackend'))
  rules.forEach(({ http }, index) => {
    if (http === undefined) return
    const field = `spec.rules[${index}].http.paths`
    if ((http.paths ?? []).length === 0) causes.push(required(field))
    http.paths?.forEach(({ path = '', pathType, backend }, at) => {
      if (!pathType) causes.push(required(`${field}[${at}].pathType`, 'pathType must be specified'))
      else if (!pathTypes.includes(pathType)) causes.push(notSupported(`${field}[${at}].pathType`, pathType, pathTypes))
      if (pathType !== 'ImplementationSpecific' && !path.startsWith('/'))
        causes.push(invalidValue(`${field}[${at}].path`, path, 'must be an absolute path'))
      if (backend === undefined) causes.push(required(`${field}[${at}].backend`))
      else causes.push(...validateBackend(backend, `${field}[${at}].backend`))
    })
  })
  return causes
}

function validateBackend({ service, resource }: NetworkingV1IngressBackend, path: string): StatusCause[] {
  if (service !== undefined && resource !== undefined) return [forbiddenField(path, 'cannot set both resource and service backends')]
  if (service === undefined) return resource === undefined ? [required(path, 'service or resource must be specified')] : []
  const causes: StatusCause[] = service.name ? [] : [required(`${path}.service.name`)]
  if (service.port?.name === undefined && service.port?.number === undefined)
    causes.push(required(`${path}.service.port`, 'port name or number is required'))
  return causes
}

/** `a.example,b.example + 2 more...`, or `*`. */
export function ingressHosts({ spec }: NetworkingV1Ingress): string {
  const hosts = (spec.rules ?? []).map(({ host }) => host ?? '').filter((host) => host !== '')
  return hosts.length === 0 ? '*' : shorten(hosts)
}

/** Where the ingress can be reached. */
export function ingressAddress({ status }: NetworkingV1Ingress): string {
  return (status?.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip || hostname || '').join(',')
}
