/** Where upstream's name is another than the controller's with `-controller` behind it. */
const accounts: Readonly<Record<string, string>> = {
  'bootstrap-signer': 'bootstrap-signer',
  'certificatesigningrequest-approving': 'certificate-controller',
  'certificatesigningrequest-cleaner': 'certificate-controller',
  'certificatesigningrequest-signing': 'certificate-controller',
  daemonset: 'daemon-set-controller',
  endpoints: 'endpoint-controller',
  'endpoints-cleanup': 'endpoint-controller',
  'endpointslice-mirroring': 'endpointslicemirroring-controller',
  'garbage-collector': 'generic-garbage-collector',
  'horizontal-pod-autoscaler': 'horizontal-pod-autoscaler',
  'job-orphans': 'job-controller',
  'node-ipam': 'node-controller',
  'node-lifecycle': 'node-controller',
  persistentvolume: 'persistent-volume-binder',
  'persistentvolume-binder': 'persistent-volume-binder',
  'pod-garbage-collector': 'pod-garbage-collector',
  replicationcontroller: 'replication-controller',
  'root-ca-certificate-publisher': 'root-ca-cert-publisher',
  'service-lb': 'service-controller',
  serviceaccount: 'service-account-controller',
  'taint-eviction': 'node-controller',
  'token-cleaner': 'token-cleaner',
}

/** The service account in `kube-system` that upstream's controller of that name has. */
export function accountOf(controller: string): string {
  return accounts[controller] ?? `${controller}-controller`
}
