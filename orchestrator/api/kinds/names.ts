/** Short names and categories of resources, which the tables do not hold. Keys: `plural.group`, or the plural alone in the core group. */
export interface ResourceNames {
  readonly shortNames?: readonly string[]
  readonly categories?: readonly string[]
}

const all = ['all']
const extensions = ['api-extensions']

export const resourceNames: Readonly<Record<string, ResourceNames>> = {
  componentstatuses: { shortNames: ['cs'] },
  configmaps: { shortNames: ['cm'] },
  endpoints: { shortNames: ['ep'] },
  events: { shortNames: ['ev'] },
  'events.events.k8s.io': { shortNames: ['ev'] },
  limitranges: { shortNames: ['limits'] },
  namespaces: { shortNames: ['ns'] },
  nodes: { shortNames: ['no'] },
  persistentvolumes: { shortNames: ['pv'] },
  persistentvolumeclaims: { shortNames: ['pvc'] },
  pods: { shortNames: ['po'], categories: all },
  replicationcontrollers: { shortNames: ['rc'], categories: all },
  resourcequotas: { shortNames: ['quota'] },
  services: { shortNames: ['svc'], categories: all },
  serviceaccounts: { shortNames: ['sa'] },
  'daemonsets.apps': { shortNames: ['ds'], categories: all },
  'deployments.apps': { shortNames: ['deploy'], categories: all },
  'replicasets.apps': { shortNames: ['rs'], categories: all },
  'statefulsets.apps': { shortNames: ['sts'], categories: all },
  'horizontalpodautoscalers.autoscaling': { shortNames: ['hpa'], categories: all },
  'cronjobs.batch': { shortNames: ['cj'], categories: all },
  'jobs.batch': { categories: all },
  'certificatesigningrequests.certificates.k8s.io': { shortNames: ['csr'] },
  'ingresses.networking.k8s.io': { shortNames: ['ing'] },
  'networkpolicies.networking.k8s.io': { shortNames: ['netpol'] },
  'ipaddresses.networking.k8s.io': { shortNames: ['ip'] },
  'poddisruptionbudgets.policy': { shortNames: ['pdb'] },
  'priorityclasses.scheduling.k8s.io': { shortNames: ['pc'] },
  'storageclasses.storage.k8s.io': { shortNames: ['sc'] },
  'volumeattributesclasses.storage.k8s.io': { shortNames: ['vac'] },
  'customresourcedefinitions.apiextensions.k8s.io': { shortNames: ['crd', 'crds'], categories: extensions },
  'apiservices.apiregistration.k8s.io': { categories: extensions },
  'mutatingwebhookconfigurations.admissionregistration.k8s.io': { categories: extensions },
  'validatingwebhookconfigurations.admissionregistration.k8s.io': { categories: extensions },
  'validatingadmissionpolicies.admissionregistration.k8s.io': { categories: extensions },
  'validatingadmissionpolicybindings.admissionregistration.k8s.io': { categories: extensions },
  'mutatingadmissionpolicies.admissionregistration.k8s.io': { categories: extensions },
  'mutatingadmissionpolicybindings.admissionregistration.k8s.io': { categories: extensions },
}
