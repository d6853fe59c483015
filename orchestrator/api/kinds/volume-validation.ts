import { duplicate, forbiddenField, invalidValue, notSupported, required } from '../field-errors.ts'
import type { CoreV1KeyToPath, CoreV1Volume } from '../generated/kinds.ts'
import { checkLabel } from '../names.ts'
import { tryParseQuantity } from '../quantity.ts'
import type { StatusCause } from '../status-error.ts'
import { validateSubPath } from './container-validation.ts'

const hostPathTypes = ['', 'BlockDevice', 'CharDevice', 'Directory', 'DirectoryOrCreate', 'File', 'FileOrCreate', 'Socket']

/** A pod's volumes: named once each, one source each, sources with what they need. */
export function validateVolumes(volumes: readonly CoreV1Volume[], field: string): StatusCause[] {
  const names = new Set<string>()
  return volumes.flatMap((volume, index) => {
    const path = `${field}[${index}]`
    const causes = validateSource(volume, path)
    if (!volume.name) causes.push(required(`${path}.name`))
    else {
      for (const message of checkLabel(volume.name)) causes.push(invalidValue(`${path}.name`, volume.name, message))
      if (names.has(volume.name)) causes.push(duplicate(`${path}.name`, volume.name))
    }
    names.add(volume.name)
    return causes
  })
}

function validateSource(volume: CoreV1Volume, path: string): StatusCause[] {
  const sources = Object.keys(volume).filter((key) => key !== 'name')
  const causes: StatusCause[] = sources
    .slice(1)
    .map((source) => forbiddenField(`${path}.${source}`, 'may not specify more than 1 volume type'))
  const { emptyDir, hostPath, secret, configMap, persistentVolumeClaim, downwardAPI } = volume
  if (emptyDir?.sizeLimit !== undefined && (tryParseQuantity(emptyDir.sizeLimit)?.nanos ?? 0n) < 0n)
    causes.push(forbiddenField(`${path}.emptyDir.sizeLimit`, 'SizeLimit field must be a valid resource quantity'))
  if (hostPath !== undefined) causes.push(...validateHostPath(hostPath, `${path}.hostPath`))
  if (secret !== undefined) {
    if (!secret.secretName) causes.push(required(`${path}.secret.secretName`))
    causes.push(...validateFiles(secret, `${path}.secret`))
  }
  if (configMap !== undefined) {
    if (!configMap.name) causes.push(required(`${path}.configMap.name`))
    causes.push(...validateFiles(configMap, `${path}.configMap`))
  }
  if (persistentVolumeClaim !== undefined && !persistentVolumeClaim.claimName)
    causes.push(required(`${path}.persistentVolumeClaim.claimName`))
  downwardAPI?.items?.forEach((item, index) => {
    if (!item.path) causes.push(required(`${path}.downwardAPI.items[${index}].path`))
    else causes.push(...validateSubPath(item.path, `${path}.downwardAPI.items[${index}].path`))
  })
  return causes
}

function validateHostPath({ path, type = '' }: { readonly path: string; readonly type?: string }, field: string): StatusCause[] {
  const causes: StatusCause[] = []
  if (!path) causes.push(required(`${field}.path`))
  else if (path.split('/').includes('..')) causes.push(invalidValue(`${field}.path`, path, "must not contain '..'"))
  if (!hostPathTypes.includes(type)) causes.push(notSupported(`${field}.type`, type, hostPathTypes))
  return causes
}

interface Files {
  readonly defaultMode?: number
  readonly items?: readonly CoreV1KeyToPath[]
}

const modeRange = 'must be a number between 0 and 0777 (octal), both inclusive'
const isMode = (mode: number) => mode >= 0 && mode <= 0o777

function validateFiles({ defaultMode, items = [] }: Files, field: string): StatusCause[] {
  const causes: StatusCause[] = []
  if (defaultMode !== undefined && !isMode(defaultMode)) causes.push(invalidValue(`${field}.defaultMode`, defaultMode, modeRange))
  items.forEach(({ key, path, mode }, index) => {
    if (!key) causes.push(required(`${field}.items[${index}].key`))
    if (!path) causes.push(required(`${field}.items[${index}].path`))
    else causes.push(...validateSubPath(path, `${field}.items[${index}].path`))
    if (mode !== undefined && !isMode(mode)) causes.push(invalidValue(`${field}.items[${index}].mode`, mode, modeRange))
  })
  return causes
}
