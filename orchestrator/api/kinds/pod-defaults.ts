import type {
  CoreV1Container,
  CoreV1EnvVar,
  CoreV1EphemeralContainer,
  CoreV1LifecycleHandler,
  CoreV1PodSpec,
  CoreV1PodTemplateSpec,
  CoreV1Probe,
  CoreV1ProjectedVolumeSource,
  CoreV1Volume,
} from '../generated/kinds.ts'
import { quantityFromMilli, formatQuantity, tryParseQuantity, quantityMilliValue } from '../quantity.ts'

/** Mode 0644, of files from secrets, config maps and the downward API. */
const defaultFileMode = 420
/** How long a projected service account token is valid. */
const tokenExpirationSeconds = 3600

/** The defaults of a pod's template inside a workload; the template and its parts may be missing in bodies that validation will refuse. */
export function setPodTemplateDefaults(template: CoreV1PodTemplateSpec | undefined): void {
  if (template === undefined) return
  template.metadata ??= {}
  template.spec ??= {} as CoreV1PodSpec
  setPodSpecDefaults(template.spec)
}

/** What pods and pod templates share; the defaults of pods alone are in `setPodOnlyDefaults`. */
export function setPodSpecDefaults(spec: CoreV1PodSpec): void {
  spec.volumes?.forEach(setVolumeDefaults)
  spec.initContainers?.forEach((container) => setContainerDefaults(container, spec))
  spec.containers?.forEach((container) => setContainerDefaults(container, spec))
  spec.ephemeralContainers?.forEach((container) => setContainerDefaults(container, spec))
  spec.restartPolicy ||= 'Always'
  spec.terminationGracePeriodSeconds ??= 30
  spec.dnsPolicy ||= 'ClusterFirst'
  setServiceAccountName(spec)
  spec.securityContext ??= {}
  spec.schedulerName ??= 'default-scheduler'
}

/** The old field and the present one carry the same name. */
function setServiceAccountName(spec: CoreV1PodSpec): void {
  const name = spec.serviceAccountName || spec.serviceAccount
  if (!name) return
  spec.serviceAccountName = name
  spec.serviceAccount = name
}

/** What upstream gives pods but not templates: requests from limits, service links. */
export function setPodOnlyDefaults(spec: CoreV1PodSpec): void {
  for (const container of [...(spec.initContainers ?? []), ...(spec.containers ?? [])]) {
    const { limits } = (container.resources ??= {})
    if (limits !== undefined) container.resources.requests = { ...limits, ...container.resources.requests }
  }
  if (spec.resources?.limits !== undefined) spec.resources.requests = { ...spec.resources.limits, ...spec.resources.requests }
  spec.enableServiceLinks ??= true
  // The shortest time that there is.
  if ((spec.terminationGracePeriodSeconds ?? 0) < 0) spec.terminationGracePeriodSeconds = 1
}

function setContainerDefaults(container: CoreV1Container | CoreV1EphemeralContainer, spec: CoreV1PodSpec): void {
  container.imagePullPolicy ||= defaultPullPolicy(container.image ?? '')
  container.terminationMessagePath ||= '/dev/termination-log'
  container.terminationMessagePolicy ||= 'File'
  container.resources ??= {}
  roundResources(container.resources.limits)
  roundResources(container.resources.requests)
  container.ports?.forEach((port) => {
    port.protocol ||= 'TCP'
    if (spec.hostNetwork === true && !port.hostPort) port.hostPort = port.containerPort
  })
  for (const probe of [container.livenessProbe, container.readinessProbe, container.startupProbe])
    if (probe !== undefined) setProbeDefaults(probe)
  setHandlerDefaults(container.lifecycle?.postStart)
  setHandlerDefaults(container.lifecycle?.preStop)
  container.env?.forEach(setEnvDefaults)
}

/** `Always` for the latest of an image, which may change under its name; else whatever is there. */
function defaultPullPolicy(image: string): string {
  const name = image.slice(image.lastIndexOf('/') + 1)
  if (name.includes('@')) return 'IfNotPresent'
  const colon = name.indexOf(':')
  return colon < 0 || name.slice(colon + 1) === 'latest' ? 'Always' : 'IfNotPresent'
}

/** Amounts finer than a thousandth are rounded up, as upstream does with all resources of pods. */
function roundResources(resources: Record<string, string> | undefined): void {
  for (const name in resources) {
    if (!/[nu]$|\.\d{4}/.test(resources[name]!)) continue
    const quantity = tryParseQuantity(resources[name]!)
    if (quantity !== undefined)
      resources[name] = formatQuantity({ ...quantityFromMilli(quantityMilliValue(quantity)), format: quantity.format })
  }
}

function setProbeDefaults(probe: CoreV1Probe): void {
  probe.timeoutSeconds ||= 1
  probe.periodSeconds ||= 10
  probe.successThreshold ||= 1
  probe.failureThreshold ||= 3
  if (probe.grpc !== undefined) probe.grpc.service ??= ''
  setHandlerDefaults(probe)
}

function setHandlerDefaults(handler: Pick<CoreV1LifecycleHandler, 'httpGet'> | undefined): void {
  if (handler?.httpGet === undefined) return
  handler.httpGet.path ||= '/'
  handler.httpGet.scheme ||= 'HTTP'
}

function setEnvDefaults(variable: CoreV1EnvVar): void {
  if (variable.valueFrom?.fieldRef !== undefined) variable.valueFrom.fieldRef.apiVersion ||= 'v1'
  if (variable.valueFrom?.resourceFieldRef !== undefined) variable.valueFrom.resourceFieldRef.divisor ??= '0'
}

function setVolumeDefaults(volume: CoreV1Volume): void {
  if (Object.keys(volume).every((key) => key === 'name')) volume.emptyDir = {}
  if (volume.hostPath !== undefined) volume.hostPath.type ??= ''
  if (volume.image !== undefined) volume.image.pullPolicy ||= defaultPullPolicy(volume.image.reference ?? '')
  if (volume.secret !== undefined) volume.secret.defaultMode ??= defaultFileMode
  if (volume.configMap !== undefined) volume.configMap.defaultMode ??= defaultFileMode
  if (volume.downwardAPI !== undefined) {
    volume.downwardAPI.defaultMode ??= defaultFileMode
    volume.downwardAPI.items?.forEach(setDownwardDefaults)
  }
  if (volume.projected !== undefined) setProjectedDefaults(volume.projected)
  const claim = volume.ephemeral?.volumeClaimTemplate?.spec
  if (claim !== undefined) claim.volumeMode ??= 'Filesystem'
}

function setProjectedDefaults(projected: CoreV1ProjectedVolumeSource): void {
  projected.defaultMode ??= defaultFileMode
  for (const source of projected.sources ?? []) {
    source.downwardAPI?.items?.forEach(setDownwardDefaults)
    if (source.serviceAccountToken !== undefined) source.serviceAccountToken.expirationSeconds ??= tokenExpirationSeconds
  }
}

function setDownwardDefaults(item: { fieldRef?: { apiVersion?: string }; resourceFieldRef?: { divisor?: string } }): void {
  if (item.fieldRef !== undefined) item.fieldRef.apiVersion ||= 'v1'
  if (item.resourceFieldRef !== undefined) item.resourceFieldRef.divisor ??= '0'
}
