import { forbiddenField, invalidValue, required } from '../field-errors.ts'
import { ApiregistrationV1APIService } from '../generated/kinds.ts'
import type { KindPart } from '../kind-declaration.ts'
import type { StatusCause } from '../status-error.ts'
import { ageCell, ageColumn, nameColumn, textColumn } from '../table-cells.ts'

const maxGroupPriority = 20_000
const maxVersionPriority = 1000
const defaultPort = 443

export const apiService: KindPart<ApiregistrationV1APIService> = {
  kind: ApiregistrationV1APIService,
  setDefaults({ spec }) {
    if (spec.service !== undefined) spec.service.port ??= defaultPort
  },
  validate({ metadata, spec }) {
    const { group = '', version = '', groupPriorityMinimum, versionPriority, service, caBundle, insecureSkipTLSVerify } = spec
    const causes: StatusCause[] = []
    const name = `${version}.${group}`
    if (metadata.name !== name)
      causes.push(invalidValue('metadata.name', metadata.name, `must be \`spec.version+"."+spec.group\`: ${JSON.stringify(name)}`))
    if (version === '') causes.push(required('spec.version'))
    if (!(groupPriorityMinimum > 0 && groupPriorityMinimum <= maxGroupPriority))
      causes.push(
        invalidValue('spec.groupPriorityMinimum', groupPriorityMinimum ?? 0, `must be positive and less than ${maxGroupPriority}`),
      )
    if (!(versionPriority > 0 && versionPriority <= maxVersionPriority))
      causes.push(invalidValue('spec.versionPriority', versionPriority ?? 0, `must be positive and less than ${maxVersionPriority}`))
    if (service === undefined) {
      if (caBundle !== undefined && caBundle !== '')
        causes.push(invalidValue('spec.caBundle', `${caBundle.length} bytes`, 'local APIServices may not have a caBundle'))
      if (insecureSkipTLSVerify === true)
        causes.push(invalidValue('spec.insecureSkipTLSVerify', true, 'local APIServices may not have insecureSkipTLSVerify'))
      return causes
    }
    if (!service.namespace) causes.push(required('spec.service.namespace'))
    if (!service.name) causes.push(required('spec.service.name'))
    if (insecureSkipTLSVerify === true && caBundle)
      causes.push(forbiddenField('spec.insecureSkipTLSVerify', 'may not be true if caBundle is present'))
    return causes
  },
  columns: [nameColumn, textColumn('Service'), textColumn('Available'), ageColumn],
  cells(object, now) {
    const { service } = object.spec
    return [
      object.metadata.name ?? '',
      service === undefined ? 'Local' : `${service.namespace}/${service.name}`,
      availability(object),
      ageCell(object, now),
    ]
  },
}

function availability({ status }: ApiregistrationV1APIService): string {
  const condition = status?.conditions?.find(({ type }) => type === 'Available')
  if (condition === undefined) return 'Unknown'
  return condition.status === 'True' ? 'True' : `${condition.status} (${condition.reason})`
}
