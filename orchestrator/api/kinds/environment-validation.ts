import { invalidValue, notSupported, required } from '../field-errors.ts'
import { causesOf, checkFields, formed, named, present, type FieldRules } from '../field-rules.ts'
import type {
  CoreV1ConfigMapKeySelector,
  CoreV1EnvFromSource,
  CoreV1EnvVar,
  CoreV1EnvVarSource,
  CoreV1FileKeySelector,
  CoreV1ObjectFieldSelector,
  CoreV1ResourceFieldSelector,
} from '../generated/kinds.ts'
import { checkConfigKey, checkEnvName, checkLabel, checkQualifiedName, checkSubdomain } from '../names.ts'
import { canonicalQuantity } from '../quantity.ts'
import type { StatusCause } from '../status-error.ts'
import { checkNoBacksteps } from './path-validation.ts'

const environmentFields = [
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'spec.nodeName',
  'spec.serviceAccountName',
  'status.hostIP',
  'status.hostIPs',
  'status.podIP',
  'status.podIPs',
]
const fileFields = ['metadata.annotations', 'metadata.labels', 'metadata.name', 'metadata.namespace', 'metadata.uid']
/** What upstream can read of a pod at all. */
const knownFields = new Set([...environmentFields, ...fileFields, 'spec.restartPolicy', 'spec.schedulerName', 'status.phase'])
const resourceFields = [
  'limits.cpu',
  'limits.ephemeral-storage',
  'limits.memory',
  'requests.cpu',
  'requests.ephemeral-storage',
  'requests.memory',
]
const byteDivisors = ['1', '1k', '1M', '1G', '1T', '1P', '1E', '1Ki', '1Mi', '1Gi', '1Ti', '1Pi', '1Ei']

const keyRules: FieldRules<CoreV1ConfigMapKeySelector> = {
  name: (name = '', field) => causesOf(checkSubdomain, name, field),
  key: named(checkConfigKey),
}
const fileRules: FieldRules<CoreV1FileKeySelector> = {
  key: named(checkEnvName),
  volumeName: named(checkLabel),
  path: (path, field) => (path ? checkNoBacksteps(path, field) : [required(field)]),
}
const envFromRules: FieldRules<CoreV1EnvFromSource> = {
  prefix: formed(checkEnvName),
  configMapRef: (reference, field) => (reference === undefined ? [] : named(checkSubdomain)(reference.name, `${field}.name`)),
  secretRef: (reference, field) => (reference === undefined ? [] : named(checkSubdomain)(reference.name, `${field}.name`)),
}

/** One environment variable. */
export function validateEnv({ name, value, valueFrom }: CoreV1EnvVar, path: string): StatusCause[] {
  return [
    ...named(checkEnvName)(name, `${path}.name`),
    ...(valueFrom === undefined ? [] : validateSource(valueFrom, value, `${path}.valueFrom`)),
  ]
}

function validateSource(source: CoreV1EnvVarSource, value: string | undefined, path: string): StatusCause[] {
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef, fileKeyRef } = source
  const causes: StatusCause[] = []
  if (fieldRef !== undefined) causes.push(...validateFieldReference(fieldRef, `${path}.fieldRef`, environmentFields))
  if (resourceFieldRef !== undefined)
    causes.push(...validateResourceReference(resourceFieldRef, `${path}.resourceFieldRef`, { isInFile: false }))
  if (configMapKeyRef !== undefined) causes.push(...checkFields(configMapKeyRef, `${path}.configMapKeyRef`, keyRules))
  if (secretKeyRef !== undefined) causes.push(...checkFields(secretKeyRef, `${path}.secretKeyRef`, keyRules))
  if (fileKeyRef !== undefined) causes.push(...checkFields(fileKeyRef, `${path}.fileKeyRef`, fileRules))
  const given = Object.values(source).filter((each) => each !== undefined).length
  if (given === 0)
    causes.push(
      invalidValue(path, '', 'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`'),
    )
  else if (value) causes.push(invalidValue(path, '', 'may not be specified when `value` is not empty'))
  else if (given > 1) causes.push(invalidValue(path, '', 'may not have more than one field specified at a time'))
  return causes
}

/** Sources of many variables. Upstream names the list, not the item, where an item has no source or too many. */
export function validateEnvFrom(sources: readonly CoreV1EnvFromSource[], path: string): StatusCause[] {
  return sources.flatMap((source, index) => {
    const given = [source.configMapRef, source.secretRef].filter((reference) => reference !== undefined).length
    return [
      ...checkFields(source, `${path}[${index}]`, envFromRules),
      ...(given === 0 ? [invalidValue(path, '', 'must specify one of: `configMapRef` or `secretRef`')] : []),
      ...(given > 1 ? [invalidValue(path, '', 'may not have more than one field specified at a time')] : []),
    ]
  })
}

/** A field of the pod, as a variable has it or (by default) a file. */
export function validateFieldReference(
  { apiVersion, fieldPath }: CoreV1ObjectFieldSelector,
  path: string,
  supported: readonly string[] = fileFields,
): StatusCause[] {
  const causes: StatusCause[] = [...present()(apiVersion, `${path}.apiVersion`)]
  if (!fieldPath) return [...causes, required(`${path}.fieldPath`)]
  const [, name = fieldPath, key] = /^(.+)\['(.+)'\]$/s.exec(fieldPath) ?? []
  if (key !== undefined) {
    if (name === 'metadata.annotations') return [...causes, ...causesOf((text) => checkQualifiedName(text.toLowerCase()), key, path)]
    if (name === 'metadata.labels') return [...causes, ...causesOf(checkQualifiedName, key, path)]
  }
  const refuse = (why: string) => [...causes, invalidValue(`${path}.fieldPath`, fieldPath, `error converting fieldPath: ${why}`)]
  if (apiVersion !== undefined && apiVersion !== 'v1') return refuse(`unsupported pod version: ${apiVersion}`)
  if (!knownFields.has(fieldPath)) return refuse(`field label not supported: ${fieldPath}`)
  return supported.includes(fieldPath) ? causes : [...causes, notSupported(`${path}.fieldPath`, fieldPath, supported)]
}

/** A container's amount; in a file the container must be named. */
export function validateResourceReference(
  { containerName, resource, divisor }: CoreV1ResourceFieldSelector,
  path: string,
  { isInFile }: { readonly isInFile: boolean },
): StatusCause[] {
  const causes: StatusCause[] = []
  const isHugePage = /^(requests|limits)\.hugepages-/.test(resource ?? '')
  if (isInFile && !containerName) causes.push(required(`${path}.containerName`))
  else if (!resource) causes.push(required(`${path}.resource`))
  else if (!resourceFields.includes(resource) && !isHugePage) causes.push(notSupported(`${path}.resource`, resource, resourceFields))
  const unit = canonicalQuantity(divisor ?? '0')
  if (unit === '0' || !resource) return causes
  const refuse = (words: string) => causes.push(invalidValue(`${path}.divisor`, resource, words))
  const what = resource.split('.')[1]
  const bytes =
    what === 'memory' ? 'memory resource' : what === 'ephemeral-storage' ? 'local ephemeral storage resource' : 'hugepages resource'
  if (what === 'cpu' && !['1m', '1'].includes(unit)) refuse("only divisor's values 1m and 1 are supported with the cpu resource")
  else if (what !== 'cpu' && (isHugePage || resourceFields.includes(resource)) && !byteDivisors.includes(unit))
    refuse(`only divisor's values ${byteDivisors.join(', ')} are supported with the ${bytes}`)
  return causes
}
