import { forbiddenField, invalidValue, notSupported, required, tooLong } from '../field-errors.ts'
import { between, causesOf, formed, named, oneOf, present, struct, type FieldRules, type Rule } from '../field-rules.ts'
import type {
  CoreV1AzureDiskVolumeSource,
  CoreV1CSIPersistentVolumeSource,
  CoreV1FCVolumeSource,
  CoreV1FlockerVolumeSource,
  CoreV1ISCSIVolumeSource,
  CoreV1QuobyteVolumeSource,
  CoreV1SecretReference,
} from '../generated/kinds.ts'
import { checkCaselessSubdomain, checkLabel, checkSubdomain } from '../names.ts'
import type { StatusCause } from '../status-error.ts'
import { checkDescendingPath, checkNoBacksteps } from './path-validation.ts'

/** A rule for each source of volumes. */
export type Sources = Readonly<Record<string, Rule<never>>>

const partition = between(0, 255, 'must be between 1 and 255, inclusive')
const lun = between(0, 255)
const maxDriverLength = 63
const initiators: Readonly<Record<string, RegExp>> = {
  iqn: /iqn\.\d{4}-\d{2}\.([\dA-Za-z\-.]+)(:[^,;*&$|\s]+)$/,
  eui: /^eui.[\dA-Za-z]{16}$/,
  naa: /^naa.[\dA-Za-z]{32}$/,
}

/** The name of a CSI driver. */
export const driverName: Rule<string> = (name = '', field) => [
  ...present()(name, field),
  ...(name.length > maxDriverLength ? [tooLong(field, maxDriverLength)] : []),
  ...formed(checkCaselessSubdomain)(name, field),
]

const absolutePath: Rule<string> = (path = '', field) => [
  ...(path === '' ? [required(field)] : []),
  ...(path.startsWith('/') ? [] : [invalidValue(field, path, 'must be an absolute path')]),
]
const noBacksteps: Rule<string> = (path = '', field) => [...present()(path, field), ...checkNoBacksteps(path, field)]

/** A path of the node's. */
export const hostPath = struct<{ path: string; type?: string }>({
  path: noBacksteps,
  type: oneOf('', 'BlockDevice', 'CharDevice', 'Directory', 'DirectoryOrCreate', 'File', 'FileOrCreate', 'Socket'),
})

const secretNamed = struct<{ name?: string; namespace?: string }>({ name: present() })
const secretFullyNamed = struct<{ name?: string; namespace?: string }>({ name: present(), namespace: present() })

const diskForms = {
  Managed: {
    start: '/subscriptions/',
    form: '/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}',
  },
  other: { start: 'https://', form: 'https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd' },
}
const azureDisk = struct<CoreV1AzureDiskVolumeSource>(
  {
    diskName: present(),
    diskURI: present(),
    cachingMode: oneOf('None', 'ReadOnly', 'ReadWrite'),
    kind: oneOf('Dedicated', 'Managed', 'Shared'),
  },
  ({ kind, diskURI = '' }: Partial<CoreV1AzureDiskVolumeSource>, field) => {
    const { start, form } = kind === 'Managed' ? diskForms.Managed : diskForms.other
    return kind === undefined || diskURI.startsWith(start) ? [] : [notSupported(`${field}.diskURI`, diskURI, [form])]
  },
)

const fibreChannel = struct<CoreV1FCVolumeSource>({}, (source, field) => {
  const { targetWWNs = [], wwids = [], lun: number } = source
  const path = `${field}.targetWWNs`
  const causes: StatusCause[] = []
  if (targetWWNs.length === 0 && wwids.length === 0) causes.push(required(path, 'must specify either targetWWNs or wwids, but not both'))
  if (targetWWNs.length > 0 && wwids.length > 0)
    causes.push(invalidValue(path, targetWWNs, 'targetWWNs and wwids can not be specified simultaneously'))
  if (targetWWNs.length === 0) return causes
  return number === undefined
    ? [...causes, required(`${field}.lun`, 'lun is required if targetWWNs is specified')]
    : [...causes, ...lun(number, `${field}.lun`)]
})

const flocker = struct<CoreV1FlockerVolumeSource>({}, ({ datasetName = '', datasetUUID = '' }, field) => [
  ...(datasetName === '' && datasetUUID === '' ? [required(field, 'one of datasetName and datasetUUID is required')] : []),
  ...(datasetName !== '' && datasetUUID !== ''
    ? [invalidValue(field, 'resource', 'datasetName and datasetUUID can not be specified simultaneously')]
    : []),
  ...(datasetName.includes('/') ? [invalidValue(`${field}.datasetName`, datasetName, "must not contain '/'")] : []),
])

const pairMessage = 'must be a host:port pair or multiple pairs separated by commas'
const quobyte = struct<CoreV1QuobyteVolumeSource>(
  { volume: present() },
  ({ registry = '', tenant = '' }: Partial<CoreV1QuobyteVolumeSource>, field) => {
    if (registry === '') return [required(`${field}.registry`, pairMessage)]
    if (tenant.length >= 65) return [required(`${field}.tenant`, 'must be a UUID and may not exceed a length of 64 characters')]
    return registry
      .split(',')
      .filter((pair) => !/^(?:[^:[\]]*|\[[^\]]*\]):[^:]*$/.test(pair))
      .map(() => invalidValue(`${field}.registry`, registry, pairMessage))
  },
)

function checkInitiator(name: string, field: string): StatusCause[] {
  const form = initiators[name.slice(0, 3)]
  if (form === undefined) return [invalidValue(field, name, 'must be valid format starting with iqn, eui, or naa')]
  return form.test(name) ? [] : [invalidValue(field, name, 'must be valid format')]
}

/** `isPersistent`: of a persistent volume, where upstream tells less of a bad name. */
const iscsi = (isPersistent: boolean) =>
  struct<CoreV1ISCSIVolumeSource>(
    {
      targetPortal: present(),
      iqn: (name, field) =>
        name ? checkInitiator(name, field).map((cause) => (isPersistent ? shortened(cause, name) : cause)) : [required(field)],
      lun: (number, field) => lun(number ?? 0, field),
    },
    ({ chapAuthDiscovery, chapAuthSession, secretRef, initiatorName }, field) => [
      ...((chapAuthDiscovery === true || chapAuthSession === true) && secretRef === undefined ? [required(`${field}.secretRef`)] : []),
      ...(isPersistent && secretRef !== undefined ? secretNamed(secretRef, `${field}.secretRef`) : []),
      ...(initiatorName === undefined ? [] : checkInitiator(initiatorName, `${field}.initiatorname`)),
    ],
  )

const shortened = ({ field }: StatusCause, name: string) => invalidValue(field!, name, 'must be valid format')

const flexVolume = struct<{ driver: string; options?: Record<string, string> }>({ driver: present() }, ({ options = {} }, field) =>
  Object.keys(options).flatMap((key) =>
    /(?:^|\.)(?:kubernetes\.io|k8s\.io)$/i.test(key.split('/')[0]!)
      ? [invalidValue(`${field}.options[${key}]`, key, 'kubernetes.io and k8s.io namespaces are reserved')]
      : [],
  ),
)

const scaleIO = struct<{ gateway: string; system: string; volumeName?: string }>({
  gateway: present(),
  system: present(),
  volumeName: present(),
})
const volumeId = struct<{ volumeID: string; partition?: number }>({ volumeID: present(), partition })
const storageos = (secretRef: Rule<{ name?: string; namespace?: string }>) =>
  struct<{ volumeName?: string; volumeNamespace?: string; secretRef?: object }>({
    volumeName: named(checkLabel),
    volumeNamespace: formed(checkLabel),
    secretRef,
  })

/** Sources that pods and persistent volumes describe alike. */
const common = {
  hostPath,
  nfs: struct<{ server: string; path: string }>({ server: present(), path: absolutePath }),
  fc: fibreChannel,
  gcePersistentDisk: struct<{ pdName: string; partition?: number }>({ pdName: present(), partition }),
  awsElasticBlockStore: volumeId,
  rbd: struct<{ monitors: string[]; image: string }>({ monitors: present(), image: present() }),
  cephfs: struct<{ monitors: string[] }>({ monitors: present() }),
  flexVolume,
  azureDisk,
  vsphereVolume: struct<{ volumePath: string }>({ volumePath: present() }),
  photonPersistentDisk: struct<{ pdID: string }>({ pdID: present() }),
  portworxVolume: struct<{ volumeID: string }>({ volumeID: present() }),
  scaleIO,
  flocker,
  quobyte,
} satisfies Sources

/** Storage on other machines, as a pod's volumes name it. */
export const remoteSources: Sources = {
  ...common,
  gitRepo: struct<{ repository: string; directory?: string }>({
    repository: present(),
    directory: (path, field) => (path === undefined ? [] : checkDescendingPath(path, field)),
  }),
  iscsi: iscsi(false),
  glusterfs: struct<{ endpoints: string; path: string }>({ endpoints: present(), path: present() }),
  cinder: struct<{ volumeID: string; secretRef?: object }>({ volumeID: present(), secretRef: secretNamed }),
  azureFile: struct<{ secretName: string; shareName: string }>({ secretName: present(), shareName: present() }),
  storageos: storageos(secretNamed),
  csi: struct<{ driver: string; nodePublishSecretRef?: { name?: string } }>(
    { driver: driverName },
    ({ nodePublishSecretRef: secret }, field) => {
      if (secret === undefined) return []
      // Upstream names the source where the name is bad.
      return secret.name ? causesOf(checkSubdomain, secret.name, `${field}.name`) : [required(`${field}.nodePublishSecretRef.name`)]
    },
  ),
}

const secretReference = struct<CoreV1SecretReference>({ name: named(checkSubdomain), namespace: named(checkLabel) })
const claimSecrets: FieldRules<CoreV1CSIPersistentVolumeSource> = {
  driver: driverName,
  volumeHandle: present(),
  controllerPublishSecretRef: secretReference,
  controllerExpandSecretRef: secretReference,
  nodePublishSecretRef: secretReference,
  nodeExpandSecretRef: secretReference,
}
const givenText: Rule<string> = (text, field) => (text === '' ? [required(field)] : [])
const endpointsNamespace: Rule<string> = (name, field) => {
  if (name === '') return [invalidValue(field, '', 'if the endpointnamespace is set, it must be a valid namespace name')]
  return name === undefined ? [] : causesOf(checkLabel, name, field)
}

/** The source of a persistent volume. */
export const persistentSources: Sources = {
  ...common,
  iscsi: iscsi(true),
  glusterfs: struct<{ endpoints: string; path: string; endpointsNamespace?: string }>({
    endpoints: present(),
    path: present(),
    endpointsNamespace,
  }),
  cinder: struct<{ volumeID: string; secretRef?: object }>({ volumeID: present(), secretRef: secretFullyNamed }),
  azureFile: struct<{ secretName: string; shareName: string; secretNamespace?: string }>({
    secretName: present(),
    shareName: present(),
    secretNamespace: givenText,
  }),
  storageos: storageos(secretFullyNamed),
  local: struct<{ path: string }>({ path: noBacksteps }),
  csi: struct(claimSecrets),
}

/** What upstream calls otherwise than the field where it is one source too many. */
const misnamed: Readonly<Record<string, string>> = { cephfs: 'cephFS', downwardAPI: 'downwarAPI' }

/** Everything of an object that has one source, by the table of what there is: that it has one, what is wrong with it, and that it has no second. */
export function validateSource(object: object, path: string, sources: Sources): StatusCause[] {
  const fields = object as Readonly<Record<string, undefined>>
  const [first, ...others] = Object.keys(sources).filter((name) => fields[name] !== undefined)
  if (first === undefined) return [required(path, 'must specify a volume type')]
  const field = first === 'gcePersistentDisk' ? 'persistentDisk' : first
  return [
    ...sources[first]!(fields[first], `${path}.${field}`),
    ...others.map((name) => forbiddenField(`${path}.${misnamed[name] ?? name}`, 'may not specify more than 1 volume type')),
  ]
}
