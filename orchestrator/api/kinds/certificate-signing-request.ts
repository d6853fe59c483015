import { isDeepStrictEqual } from 'node:util'
import { humanDuration } from '../duration.ts'
import { duplicate, forbiddenField, invalidValue, notSupported, required } from '../field-errors.ts'
import { CertificatesV1CertificateSigningRequest } from '../generated/kinds.ts'
import type { CertificatesV1CertificateSigningRequestSpec, CertificatesV1CertificateSigningRequestStatus } from '../generated/kinds.ts'
import type { KindPart } from '../kind-declaration.ts'
import type { KubeObject } from '../object.ts'
import type { StatusCause } from '../status-error.ts'
import { ageCell, ageColumn, nameColumn, textColumn } from '../table-cells.ts'

/** Every use of a key that a request may name, as upstream's. */
const keyUsages = [
  'any',
  'cert sign',
  'client auth',
  'code signing',
  'content commitment',
  'crl sign',
  'data encipherment',
  'decipher only',
  'digital signature',
  'email protection',
  'encipher only',
  'ipsec end system',
  'ipsec tunnel',
  'ipsec user',
  'key agreement',
  'key encipherment',
  'microsoft sgc',
  'netscape sgc',
  'ocsp signing',
  's/mime',
  'server auth',
  'signing',
  'timestamping',
]
const minExpirationSeconds = 600
/** A domain, a slash, and a path of five labels with their dots. */
const maxSignerNameLength = 253 + 1 + 5 * 63 + 4
const legacySigner = 'kubernetes.io/legacy-unknown'
const domainAndPath = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)+\/[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/
/** Conditions that are set once, to True, and stay. */
const lasting = ['Approved', 'Denied', 'Failed'] as const

export const certificateSigningRequest: KindPart<CertificatesV1CertificateSigningRequest> = {
  kind: CertificatesV1CertificateSigningRequest,
  validate: ({ spec, status }) => [...validateSpec(spec), ...validateConditions(status)],
  validateStatusUpdate: (object, previous) => [
    ...validateConditions(object.status),
    ...keptConditions(object, previous, { mayAdd: ['Failed'] }),
    ...keptCertificate(object, previous, { maySet: true }),
  ],
  prepareForUpdate(object, previous) {
    object.spec = previous.spec
  },
  columns: [
    nameColumn,
    ageColumn,
    textColumn('SignerName'),
    textColumn('Requestor'),
    textColumn('RequestedDuration'),
    textColumn('Condition'),
  ],
  cells({ metadata, spec, status, ...object }, now) {
    const types = (status?.conditions ?? []).map(({ type }) => type)
    const decision = types.includes('Denied') ? 'Denied' : types.includes('Approved') ? 'Approved' : 'Pending'
    const condition = [decision, ...(types.includes('Failed') ? ['Failed'] : []), ...(status?.certificate ? ['Issued'] : [])].join(',')
    const duration = spec.expirationSeconds === undefined ? '<none>' : humanDuration(spec.expirationSeconds * 1000)
    return [metadata.name ?? '', ageCell({ ...object, metadata }, now), spec.signerName, spec.username ?? '', duration, condition]
  },
  selectableFields: { 'spec.signerName': ({ spec }) => spec.signerName ?? '' },
}

/** What a write on `/approval` may do: add Approved, Denied or Failed, and nothing to the certificate. */
export function validateApproval(object: KubeObject, previous: KubeObject): readonly StatusCause[] {
  return [...keptConditions(object, previous, { mayAdd: lasting }), ...keptCertificate(object, previous, { maySet: false })]
}

function validateSpec({ signerName, request, usages = [], expirationSeconds }: CertificatesV1CertificateSigningRequestSpec): StatusCause[] {
  const causes: StatusCause[] = []
  if (!signerName) causes.push(required('spec.signerName'))
  else if (signerName === legacySigner)
    causes.push(invalidValue('spec.signerName', signerName, 'the legacy signerName is not allowed via this API version'))
  else if (signerName.length > maxSignerNameLength || !domainAndPath.test(signerName))
    causes.push(
      invalidValue('spec.signerName', signerName, 'must be a fully qualified domain and path of the form "example.com/signer-name"'),
    )
  if (!request) causes.push(invalidValue('spec.request', '', 'PEM block type must be CERTIFICATE REQUEST'))
  if (usages.length === 0) causes.push(required('spec.usages', 'usages must contain at least one value'))
  usages.forEach((usage, index) => {
    if (!keyUsages.includes(usage)) causes.push(notSupported(`spec.usages[${index}]`, usage, keyUsages))
    else if (usages.indexOf(usage) < index) causes.push(duplicate(`spec.usages[${index}]`, usage))
  })
  if (expirationSeconds !== undefined && expirationSeconds < minExpirationSeconds)
    causes.push(invalidValue('spec.expirationSeconds', expirationSeconds, 'may not specify a duration less than 600 seconds (10 minutes)'))
  return causes
}

function validateConditions(status: CertificatesV1CertificateSigningRequestStatus | undefined): StatusCause[] {
  const path = 'status.conditions'
  const conditions = status?.conditions ?? []
  const types = conditions.map(({ type }) => type)
  const causes = conditions.flatMap(({ type, status: truth }, index): StatusCause[] => {
    const here = `${path}[${index}]`
    if (!type) return [required(`${here}.type`)]
    if (types.indexOf(type) < index) return [duplicate(`${here}.type`, type)]
    const allowed = (lasting as readonly string[]).includes(type) ? ['True'] : ['True', 'False', 'Unknown']
    if (!truth) return [required(`${here}.status`)]
    return allowed.includes(truth) ? [] : [notSupported(`${here}.status`, truth, allowed)]
  })
  if (types.includes('Approved') && types.includes('Denied'))
    causes.push(invalidValue(path, 'Denied', 'Approved and Denied conditions are mutually exclusive'))
  return causes
}

function keptConditions(object: KubeObject, previous: KubeObject, { mayAdd }: { readonly mayAdd: readonly string[] }): StatusCause[] {
  return lasting.flatMap((type) => {
    const [now, before] = [object, previous].map((each) => statusOf(each).conditions?.find((condition) => condition.type === type))
    if (before !== undefined && now === undefined)
      return [forbiddenField('status.conditions', `updates may not remove a condition of type ${JSON.stringify(type)}`)]
    if (before !== undefined && !isDeepStrictEqual(now, before) && !mayAdd.includes(type))
      return [forbiddenField('status.conditions', `updates may not modify a condition of type ${JSON.stringify(type)}`)]
    if (before === undefined && now !== undefined && !mayAdd.includes(type))
      return [forbiddenField('status.conditions', `updates may not add a condition of type ${JSON.stringify(type)}`)]
    return []
  })
}

function keptCertificate(object: KubeObject, previous: KubeObject, { maySet }: { readonly maySet: boolean }): StatusCause[] {
  const [now = '', before = ''] = [object, previous].map((each) => statusOf(each).certificate)
  if (now === before || (maySet && before === '')) return []
  const verb = before === '' ? 'set' : 'modify existing'
  return [forbiddenField('status.certificate', `updates may not ${verb} certificate content`)]
}

const statusOf = (object: KubeObject): CertificatesV1CertificateSigningRequestStatus =>
  (object as CertificatesV1CertificateSigningRequest).status ?? {}
