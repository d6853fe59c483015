import { forbiddenField, invalidValue, required, tooLong } from '../field-errors.ts'
import { causesOf, checkFields, each, formed, named, oneOf, port, struct, type FieldRules } from '../field-rules.ts'
import type {
  CoreV1TypedLocalObjectReference,
  NetworkingV1HTTPIngressPath,
  NetworkingV1Ingress,
  NetworkingV1IngressBackend,
  NetworkingV1IngressClass,
  NetworkingV1IngressClassParametersReference,
  NetworkingV1IngressRule,
  NetworkingV1IngressSpec,
  NetworkingV1IngressTLS,
} from '../generated/kinds.ts'
import { familyOf } from '../ip-addresses.ts'
import { checkHost, checkLabel, checkLabel1035, checkPathSegment, checkPortName, checkSubdomain } from '../names.ts'
import type { StatusCause } from '../status-error.ts'
import { domainPath } from './job-validation.ts'
import { shorten } from './shorten.ts'

const pathTypes = ['Exact', 'ImplementationSpecific', 'Prefix']
const pathNonsense = ['//', '/./', '/../', '%2f', '%2F']
const pathEnds = ['/..', '/.']
const maxControllerLength = 250

/** What only has a meaning where an ingress is made: later the annotation may go its own way. */
export function validateIngressCreate({ metadata, spec }: NetworkingV1Ingress): StatusCause[] {
  const annotation = metadata.annotations?.['kubernetes.io/ingress.class']
  return annotation === undefined || spec.ingressClassName === undefined || annotation === spec.ingressClassName
    ? []
    : [invalidValue('annotations.kubernetes.io/ingress.class', annotation, 'must match `ingressClassName` when both are specified')]
}

const rules: FieldRules<NetworkingV1IngressSpec> = {
  defaultBackend: (backend, field) => (backend === undefined ? [] : validateBackend(backend, field)),
  rules: each((rule, field) => (rule === undefined ? [] : validateRule(rule, field))),
  tls: each(
    struct<NetworkingV1IngressTLS>({
      hosts: each((host = '', field) => causesOf(checkHost, host, field)),
      secretName: formed(checkSubdomain),
    }),
  ),
  ingressClassName: (name, field) => (name === undefined ? [] : causesOf(checkSubdomain, name, field)),
}

/** Everything wrong with an ingress's spec. */
export function validateIngress({ spec }: NetworkingV1Ingress): StatusCause[] {
  const isEmpty = (spec.rules ?? []).length === 0 && spec.defaultBackend === undefined
  return [
    ...(isEmpty ? [invalidValue('spec', spec.rules ?? null, 'either `defaultBackend` or `rules` must be specified')] : []),
    ...checkFields(spec, 'spec', rules),
  ]
}

function validateRule({ host = '', http }: NetworkingV1IngressRule, field: string): StatusCause[] {
  const causes: StatusCause[] = []
  if (familyOf(host) !== 0) causes.push(invalidValue(`${field}.host`, host, 'must be a DNS name, not an IP address'))
  causes.push(...formed(checkHost)(host, `${field}.host`))
  if (http === undefined) return causes
  const paths = http.paths ?? []
  if (paths.length === 0) causes.push(required(`${field}.http.paths`))
  return [...causes, ...paths.flatMap((path, index) => validatePath(path, `${field}.http.paths[${index}]`))]
}

function validatePath({ path = '', pathType, backend }: Partial<NetworkingV1HTTPIngressPath>, field: string): StatusCause[] {
  if (pathType === undefined) return [required(`${field}.pathType`, 'pathType must be specified')]
  const causes: StatusCause[] = [...oneOf(...pathTypes)(pathType, `${field}.pathType`)]
  const here = `${field}.path`
  const isExact = pathType === 'Exact' || pathType === 'Prefix'
  if (!path.startsWith('/') && (isExact || (pathType === 'ImplementationSpecific' && path !== '')))
    causes.push(invalidValue(here, path, 'must be an absolute path'))
  if (isExact) {
    for (const part of pathNonsense) if (path.includes(part)) causes.push(invalidValue(here, path, `must not contain '${part}'`))
    for (const end of pathEnds) if (path.endsWith(end)) causes.push(invalidValue(here, path, `cannot end with '${end}'`))
  }
  return [...causes, ...validateBackend(backend ?? {}, `${field}.backend`)]
}

function validateBackend({ service, resource }: NetworkingV1IngressBackend, path: string): StatusCause[] {
  if (service !== undefined && resource !== undefined) return [invalidValue(path, '', 'cannot set both resource and service backends')]
  if (resource !== undefined) return checkFields(resource, `${path}.resource`, referenceRules)
  if (service === undefined) return [invalidValue(path, '', 'resource or service backend is required')]
  const field = `${path}.service`
  const { name, number = 0 } = service.port ?? {}
  const causes: StatusCause[] = [...named(checkLabel1035)(service.name, `${field}.name`)]
  if (name && number !== 0) causes.push(invalidValue(path, '', 'cannot set both port name & port number'))
  else if (name) causes.push(...causesOf(checkPortName, name, `${field}.port.name`))
  else if (number !== 0) causes.push(...port(number, `${field}.port.number`))
  else causes.push(required(path, 'port name or number is required'))
  return causes
}

const referenceRules: FieldRules<CoreV1TypedLocalObjectReference> = {
  apiGroup: (group, field) => (group === undefined ? [] : causesOf(checkSubdomain, group, field)),
  kind: named(checkPathSegment),
  name: named(checkPathSegment),
}

/** Everything wrong with a class of ingresses. */
export function validateIngressClass({ spec }: NetworkingV1IngressClass): StatusCause[] {
  const { controller = '', parameters } = spec
  return [
    ...(controller.length > maxControllerLength ? [tooLong('spec.controller', maxControllerLength)] : []),
    ...domainPath(controller, 'spec.controller'),
    ...(parameters === undefined ? [] : validateParameters(parameters, 'spec.parameters')),
  ]
}

function validateParameters(parameters: NetworkingV1IngressClassParametersReference, field: string): StatusCause[] {
  const { scope, namespace } = parameters
  const causes = [...checkFields(parameters, field, referenceRules), ...oneOf('Cluster', 'Namespace')(scope, `${field}.scope`)]
  if (scope === 'Namespace')
    causes.push(
      ...(namespace === undefined
        ? [required(`${field}.namespace`, "`parameters.scope` is set to 'Namespace'")]
        : causesOf(checkLabel, namespace, `${field}.namespace`)),
    )
  if (scope === 'Cluster' && namespace !== undefined)
    causes.push(forbiddenField(`${field}.namespace`, "`parameters.scope` is set to 'Cluster'"))
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
