import { forbiddenField, invalidValue, missing, notSupported, required } from '../field-errors.ts'
import { partial } from '../field-rules.ts'
import type { CoreV1Container, CoreV1EphemeralContainer, CoreV1Volume, CoreV1VolumeDevice, CoreV1VolumeMount } from '../generated/kinds.ts'
import type { StatusCause } from '../status-error.ts'
import { checkDescendingPath, checkNoBacksteps } from './path-validation.ts'

const propagations = ['Bidirectional', 'HostToContainer', 'None']
const recursions = ['Disabled', 'Enabled', 'IfPossible']

type AnyContainer = CoreV1Container | CoreV1EphemeralContainer

/** Where a container has its pod's volumes. Of paths inside mounts upstream names the list, not the mount. */
export function validateMounts(container: AnyContainer, path: string, volumes: ReadonlyMap<string, CoreV1Volume>): StatusCause[] {
  const field = `${path}.volumeMounts`
  const devices = container.volumeDevices ?? []
  const paths = new Set<string>()
  return (container.volumeMounts ?? []).flatMap((mount, index) => {
    const { name = '', mountPath = '' } = partial(mount)
    const here = `${field}[${index}]`
    const causes: StatusCause[] = name === '' ? [required(`${here}.name`)] : []
    if (!volumes.has(name)) causes.push(missing(`${here}.name`, name))
    if (mountPath === '') causes.push(required(`${here}.mountPath`))
    if (paths.has(mountPath)) causes.push(invalidValue(`${here}.mountPath`, mountPath, 'must be unique'))
    paths.add(mountPath)
    if (devices.some((device) => device.name === name))
      causes.push(invalidValue(`${here}.name`, name, 'must not already exist in volumeDevices'))
    if (devices.some((device) => device.devicePath === mountPath))
      causes.push(invalidValue(`${here}.mountPath`, mountPath, 'must not already exist as a path in volumeDevices'))
    return [...causes, ...validateSubPaths(mount, { field, here }), ...validatePropagation(mount, field, container)]
  })
}

function validateSubPaths(
  { subPath, subPathExpr }: CoreV1VolumeMount,
  { field, here }: { readonly field: string; readonly here: string },
): StatusCause[] {
  const causes: StatusCause[] = subPath ? checkDescendingPath(subPath, `${field}.subPath`) : []
  if (!subPathExpr) return causes
  if (subPath) causes.push(invalidValue(`${here}.subPathExpr`, subPathExpr, 'subPathExpr and subPath are mutually exclusive'))
  return [...causes, ...checkDescendingPath(subPathExpr, `${field}.subPathExpr`)]
}

function validatePropagation(
  { mountPropagation, recursiveReadOnly, readOnly }: CoreV1VolumeMount,
  field: string,
  { securityContext }: AnyContainer,
): StatusCause[] {
  const causes: StatusCause[] = []
  if (mountPropagation !== undefined && !propagations.includes(mountPropagation))
    causes.push(notSupported(`${field}.mountPropagation`, mountPropagation, propagations))
  if (mountPropagation === 'Bidirectional' && securityContext?.privileged !== true)
    causes.push(forbiddenField(`${field}.mountPropagation`, 'Bidirectional mount propagation is available only to privileged containers'))
  if (recursiveReadOnly === undefined || recursiveReadOnly === 'Disabled') return causes
  const here = `${field}.recursiveReadOnly`
  if (!recursions.includes(recursiveReadOnly)) return [...causes, notSupported(here, recursiveReadOnly, recursions)]
  if (readOnly !== true) causes.push(forbiddenField(here, 'may only be specified when readOnly is true'))
  if ((mountPropagation ?? 'None') !== 'None')
    causes.push(forbiddenField(here, 'may only be specified when mountPropagation is None or not specified'))
  return causes
}

/** Volumes that a container has as devices: claims, and claims of its pod's own. */
export function validateDevices(container: AnyContainer, path: string, volumes: ReadonlyMap<string, CoreV1Volume>): StatusCause[] {
  const mounts = container.volumeMounts ?? []
  const seen = { names: new Set<string>(), paths: new Set<string>() }
  return (container.volumeDevices ?? []).flatMap(({ name = '', devicePath = '' }: Partial<CoreV1VolumeDevice>, index) => {
    const field = `${path}.volumeDevices[${index}]`
    const volume = volumes.get(name)
    const nameProblems = [
      ...(seen.names.has(name) ? ['must be unique'] : []),
      ...(volume !== undefined && volume.persistentVolumeClaim === undefined && volume.ephemeral === undefined
        ? ['can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode']
        : []),
      ...(mounts.some((mount) => mount.name === name) ? ['must not already exist in volumeMounts'] : []),
    ]
    const hasBacksteps = checkNoBacksteps(devicePath, '').length > 0
    const pathProblems = [
      ...(seen.paths.has(devicePath) ? ['must be unique'] : []),
      ...(hasBacksteps ? ["can not contain backsteps ('..')"] : []),
      ...(mounts.some((mount) => mount.mountPath === devicePath) ? ['must not already exist as a path in volumeMounts'] : []),
    ]
    seen.names.add(name)
    if (!hasBacksteps) seen.paths.add(devicePath)
    return [
      ...(name === '' ? [required(`${field}.name`)] : []),
      ...(volume === undefined ? [missing(`${field}.name`, name)] : []),
      ...nameProblems.map((problem) => invalidValue(`${field}.name`, name, problem)),
      ...(devicePath === '' ? [required(`${field}.devicePath`)] : []),
      ...pathProblems.map((problem) => invalidValue(`${field}.devicePath`, devicePath, problem)),
    ]
  })
}
