import type {
  CoreV1PersistentVolume,
  CoreV1PersistentVolumeClaim,
  CoreV1ConfigMap,
  CoreV1Container,
  CoreV1EnvVarSource,
  CoreV1Pod,
  CoreV1Secret,
  CoreV1Service,
  NodeV1RuntimeClass,
  StorageV1CSIDriver,
  StorageV1VolumeAttachment,
} from '../../api/generated/kinds.ts'
import { ConfigurationError } from './configuration-error.ts'
import { expandVariables } from './expansion.ts'
import { fieldValue, resourceValue } from './field-reference.ts'
import type { NodeFacts } from './field-reference.ts'
import { serviceEnvironment } from './service-environment.ts'

/** Looks up what variables refer to, in the pod's namespace. `undefined` where there is none. */
export interface ConfigSource {
  configMap(namespace: string, name: string): Promise<CoreV1ConfigMap | undefined>
  secret(namespace: string, name: string): Promise<CoreV1Secret | undefined>
}

/** Looks up what volumes of claims refer to. `undefined` where there is none. */
export interface StorageSource {
  claim(namespace: string, name: string): Promise<CoreV1PersistentVolumeClaim | undefined>
  volume(name: string): Promise<CoreV1PersistentVolume | undefined>
  driver(name: string): Promise<StorageV1CSIDriver | undefined>
  attachment(name: string): Promise<StorageV1VolumeAttachment | undefined>
}

/** Looks up how a pod is to be run. `undefined` where there is none. */
export interface RuntimeClassSource {
  runtimeClass(name: string): Promise<NodeV1RuntimeClass | undefined>
}

export interface EnvironmentInput {
  readonly pod: CoreV1Pod
  readonly container: CoreV1Container
  readonly services: Iterable<CoreV1Service>
  readonly facts: NodeFacts
  readonly source: ConfigSource
}

/**
 * A container's environment, later ones winning: services, `envFrom` in order, then `env` in order with `$(NAME)` of what came before.
 * Rejects with a `ConfigurationError` where a reference that is not optional leads nowhere.
 */
export async function makeEnvironment(input: EnvironmentInput): Promise<ReadonlyMap<string, string>> {
  const services = serviceEnvironment(visibleServices(input.pod, input.services))
  const result = new Map<string, string>()
  for (const [name, value] of await environmentFrom(input)) result.set(name, value)
  for (const variable of input.container.env ?? []) {
    const value =
      variable.valueFrom === undefined
        ? expandVariables(variable.value ?? '', (name) => result.get(name) ?? services.get(name))
        : await valueFrom(variable.valueFrom, input)
    if (value !== undefined) result.set(variable.name, value)
  }
  for (const [name, value] of services) if (!result.has(name)) result.set(name, value)
  return result
}

/** Services of the pod's namespace, unless switched off, and always the API server's own. */
function* visibleServices(pod: CoreV1Pod, services: Iterable<CoreV1Service>): Generator<CoreV1Service> {
  for (const service of services) {
    const { namespace, name } = service.metadata
    const isApiServer = namespace === 'default' && name === 'kubernetes'
    if (isApiServer || (namespace === pod.metadata.namespace && pod.spec.enableServiceLinks !== false)) yield service
  }
}

async function environmentFrom({ pod, container, source }: EnvironmentInput): Promise<Map<string, string>> {
  const result = new Map<string, string>()
  const namespace = pod.metadata.namespace!
  for (const { prefix = '', configMapRef, secretRef } of container.envFrom ?? []) {
    const data =
      configMapRef !== undefined
        ? await dataOf('configmap', namespace, configMapRef, source)
        : secretRef !== undefined
          ? await dataOf('secret', namespace, secretRef, source)
          : undefined
    for (const [key, value] of data ?? []) result.set(prefix + key, value)
  }
  return result
}

async function valueFrom(from: CoreV1EnvVarSource, { pod, container, facts, source }: EnvironmentInput): Promise<string | undefined> {
  const namespace = pod.metadata.namespace!
  try {
    if (from.fieldRef !== undefined) return fieldValue(pod, from.fieldRef.fieldPath, facts)
    if (from.resourceFieldRef !== undefined) return resourceValue(pod, container, from.resourceFieldRef, facts)
  } catch (error) {
    throw new ConfigurationError((error as Error).message, { cause: error })
  }
  const type = from.configMapKeyRef !== undefined ? 'configmap' : 'secret'
  const reference = from.configMapKeyRef ?? from.secretKeyRef
  if (reference === undefined)
    throw new ConfigurationError('environment variable source is none of fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef')
  const data = await dataOf(type, namespace, reference, source)
  const value = data?.get(reference.key)
  if (value === undefined && reference.optional !== true) {
    const what = type === 'configmap' ? 'ConfigMap' : 'Secret'
    throw new ConfigurationError(`couldn't find key ${reference.key} in ${what} ${namespace}/${reference.name}`)
  }
  return value
}

async function dataOf(
  type: 'configmap' | 'secret',
  namespace: string,
  reference: { readonly name?: string; readonly optional?: boolean },
  source: ConfigSource,
): Promise<Map<string, string> | undefined> {
  const name = reference.name ?? ''
  const data =
    type === 'configmap' ? configMapText(await source.configMap(namespace, name)) : secretText(await source.secret(namespace, name))
  if (data === undefined && reference.optional !== true) throw new ConfigurationError(`${type} "${name}" not found`)
  return data
}

function configMapText(configMap: CoreV1ConfigMap | undefined): Map<string, string> | undefined {
  return configMap === undefined ? undefined : new Map(Object.entries(configMap.data ?? {}))
}

function secretText(secret: CoreV1Secret | undefined): Map<string, string> | undefined {
  if (secret === undefined) return undefined
  return new Map(Object.entries(secret.data ?? {}).map(([key, value]) => [key, Buffer.from(value, 'base64').toString('utf8')]))
}
