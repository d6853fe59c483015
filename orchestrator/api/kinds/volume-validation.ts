import { duplicate, forbiddenField, invalidValue, required } from '../field-errors.ts'
import { between, checkFields, choice, named, partial, present, struct, type FieldRules, type Rule } from '../field-rules.ts'
import type {
  CoreV1DownwardAPIVolumeFile,
  CoreV1EmptyDirVolumeSource,
  CoreV1EphemeralVolumeSource,
  CoreV1KeyToPath,
  CoreV1ProjectedVolumeSource,
  CoreV1Volume,
  CoreV1VolumeProjection,
  MetaV1ObjectMeta,
} from '../generated/kinds.ts'
import { checkLabel, checkSubdomain } from '../names.ts'
import { tryParseQuantity } from '../quantity.ts'
import type { StatusCause } from '../status-error.ts'
import { validateAnnotations, validateLabels } from '../validation.ts'
import { validateFieldReference, validateResourceReference } from './environment-validation.ts'
import { checkVolumePath, fileMode } from './path-validation.ts'
import { validateClaimSpec } from './persistent-volume-claim.ts'
import { remoteSources, validateSource, type Sources } from './volume-sources.ts'

/** Volumes are called by name; `valid` are those that containers may refer to. */
export interface VolumeFindings {
  readonly causes: readonly StatusCause[]
  readonly valid: ReadonlyMap<string, CoreV1Volume>
}

/** A pod's volumes: named once each, one source each, sources with what they need. `podName` is '' in a template. */
export function validateVolumes(volumes: readonly CoreV1Volume[], field: string, podName: string): VolumeFindings {
  const valid = new Map<string, CoreV1Volume>()
  const made = new Set(volumes.filter(({ ephemeral }) => ephemeral !== undefined && podName !== '').map(({ name }) => `${podName}-${name}`))
  const causes = volumes.flatMap((volume, index) => {
    const path = `${field}[${index}]`
    const { name = '' } = partial(volume)
    const found = [
      ...validateSource(volume, path, volumeSources),
      ...(volume.ephemeral !== undefined && podName !== '' && name !== '' ? checkClaimName(podName, name, path) : []),
      ...named(checkLabel)(name, `${path}.name`),
      ...(valid.has(name) ? [duplicate(`${path}.name`, name)] : []),
    ]
    if (found.length === 0) valid.set(name, volume)
    const claim = volume.persistentVolumeClaim?.claimName ?? ''
    return made.has(claim)
      ? [
          ...found,
          invalidValue(
            `${path}.persistentVolumeClaim.claimName`,
            claim,
            'must not reference a PVC that gets created for an ephemeral volume',
          ),
        ]
      : found
  })
  return { causes, valid }
}

function checkClaimName(podName: string, name: string, path: string): StatusCause[] {
  const claim = `${podName}-${name}`
  return checkSubdomain(claim).map((message) => invalidValue(`${path}.name`, name, `PVC name ${JSON.stringify(claim)}: ${message}`))
}

const keyRules: FieldRules<CoreV1KeyToPath> = {
  key: present(),
  path: (path = '', field) => [...present()(path, field), ...checkVolumePath(path, field)],
  mode: fileMode,
}
const keys: Rule<readonly CoreV1KeyToPath[]> = (items = [], field) =>
  items.flatMap((item, index) => checkFields(item, `${field}[${index}]`, keyRules))

const emptyDir: Rule<CoreV1EmptyDirVolumeSource> = (source, field) =>
  (tryParseQuantity(source?.sizeLimit ?? '0')?.nanos ?? 0n) < 0n
    ? [forbiddenField(`${field}.sizeLimit`, 'SizeLimit field must be a valid resource quantity')]
    : []

/** A file with what the pod knows of itself. Upstream names the volume, not the file. */
function validateFile({ path = '', mode, fieldRef, resourceFieldRef }: Partial<CoreV1DownwardAPIVolumeFile>, field: string): StatusCause[] {
  const causes: StatusCause[] = [...present()(path, `${field}.path`), ...checkVolumePath(path, `${field}.path`)]
  if (fieldRef !== undefined) {
    causes.push(...validateFieldReference(fieldRef, `${field}.fieldRef`))
    if (resourceFieldRef !== undefined)
      causes.push(invalidValue(field, 'resource', 'fieldRef and resourceFieldRef can not be specified simultaneously'))
  } else if (resourceFieldRef === undefined) causes.push(required(field, 'one of fieldRef and resourceFieldRef is required'))
  else causes.push(...validateResourceReference(resourceFieldRef, `${field}.resourceFieldRef`, { isInFile: true }))
  return [...causes, ...fileMode(mode, `${field}.mode`)]
}

const ephemeral: Rule<CoreV1EphemeralVolumeSource> = (source, field) => {
  const path = `${field}.volumeClaimTemplate`
  const template = source?.volumeClaimTemplate
  if (template === undefined) return [required(path)]
  const { labels = {}, annotations = {}, ...others }: MetaV1ObjectMeta = template.metadata ?? {}
  return [
    ...validateAnnotations(annotations, `${path}.metadata.annotations`),
    ...validateLabels(labels, `${path}.metadata.labels`),
    ...Object.keys(others)
      .filter((name) => others[name as keyof typeof others] !== '')
      .map((name) => forbiddenField(`${path}.metadata.${name}`, 'cannot be set')),
    ...validateClaimSpec(template.spec ?? {}, `${path}.spec`),
  ]
}

const shortestTokenSeconds = 600
const longestTokenSeconds = 2 ** 32

/** What is put together in one volume: each path once. */
function validateProjected({ sources = [] }: CoreV1ProjectedVolumeSource, field: string): StatusCause[] {
  const paths = new Set<string>()
  /** The same path twice; `value` is what upstream blames. */
  const claimPath = (path: string | undefined, value: string | undefined): StatusCause[] => {
    if (!path) return []
    const isTaken = paths.has(path)
    paths.add(path)
    return isTaken ? [invalidValue(field, value ?? '', 'conflicting duplicate paths')] : []
  }
  return sources.flatMap((source, index) => validateProjection(source, { field, path: `${field}.sources[${index}]`, claimPath }))
}

const projections = ['secret', 'configMap', 'downwardAPI', 'serviceAccountToken'] as const

interface ProjectionContext {
  /** The volume's path, and the source's. */
  readonly field: string
  readonly path: string
  readonly claimPath: (path: string | undefined, value: string | undefined) => StatusCause[]
}

function validateProjection(source: CoreV1VolumeProjection, { field, path, claimPath }: ProjectionContext): StatusCause[] {
  const causes: StatusCause[] = []
  for (const kind of ['secret', 'configMap'] as const) {
    const projection = source[kind]
    if (projection === undefined) continue
    causes.push(...present()(projection.name, `${path}.${kind}.name`), ...keys(projection.items, `${path}.${kind}.items`))
    for (const item of projection.items ?? []) causes.push(...claimPath(item.path, projection.name))
  }
  for (const item of source.downwardAPI?.items ?? [])
    causes.push(...validateFile(item, `${path}.downwardAPI`), ...claimPath(item.path, item.path))
  const token = source.serviceAccountToken
  if (token !== undefined) {
    const seconds = token.expirationSeconds ?? 0
    const here = `${path}.serviceAccountToken.expirationSeconds`
    causes.push(...between(shortestTokenSeconds, Infinity, 'may not specify a duration less than 10 minutes')(seconds, here))
    causes.push(...between(0, longestTokenSeconds, 'may not specify a duration larger than 2^32 seconds')(Math.max(seconds, 0), here))
    causes.push(...(token.path ? checkVolumePath(token.path, `${field}.path`) : [required(`${field}.path`)]))
  }
  if (projections.filter((name) => source[name] !== undefined).length > 1)
    causes.push(forbiddenField(path, 'may not specify more than 1 volume type per source'))
  return causes
}

/** Every source that a pod's volume may have, in the order in which upstream asks for them. */
const volumeSources: Sources = {
  emptyDir,
  ...pick('hostPath', 'gitRepo', 'gcePersistentDisk', 'awsElasticBlockStore'),
  secret: struct<{ secretName?: string; defaultMode?: number; items?: CoreV1KeyToPath[] }>({
    secretName: present(),
    defaultMode: fileMode,
    items: keys,
  }),
  ...pick('nfs', 'iscsi', 'glusterfs', 'flocker'),
  persistentVolumeClaim: struct<{ claimName: string }>({ claimName: present() }),
  ...pick('rbd', 'cinder', 'cephfs', 'quobyte'),
  downwardAPI: struct<{ defaultMode?: number; items?: CoreV1DownwardAPIVolumeFile[] }>({ defaultMode: fileMode }, ({ items = [] }, field) =>
    items.flatMap((file) => validateFile(file, field)),
  ),
  ...pick('fc', 'flexVolume'),
  configMap: struct<{ name?: string; defaultMode?: number; items?: CoreV1KeyToPath[] }>({
    name: present(),
    defaultMode: fileMode,
    items: keys,
  }),
  ...pick('azureFile', 'vsphereVolume', 'photonPersistentDisk', 'portworxVolume', 'azureDisk', 'storageos'),
  projected: struct<CoreV1ProjectedVolumeSource>({ defaultMode: fileMode }, validateProjected),
  ...pick('scaleIO', 'csi'),
  ephemeral,
  image: struct<{ reference?: string; pullPolicy?: string }>({ pullPolicy: choice(['Always', 'IfNotPresent', 'Never']) }),
}

function pick(...names: readonly string[]): Sources {
  return Object.fromEntries(names.map((name) => [name, remoteSources[name]!]))
}
