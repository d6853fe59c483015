import type { Clock } from '../../../lib/clock.ts'
import type { Random } from '../../../lib/random.ts'
import type { CoreV1Pod, CoreV1ServiceAccount, CoreV1Volume } from '../../api/generated/kinds.ts'
import { forbidden } from '../../api/status-error.ts'
import type { Store } from '../../store/store.ts'
import { type AdmissionPlugin, resourceOf } from './admission.ts'

const mountPath = '/var/run/secrets/kubernetes.io/serviceaccount'
const volumePrefix = 'kube-api-access-'
/** An hour, and a few seconds by which the node agent tells our tokens from those that a user asked for. */
const tokenSeconds = 3607
/** A new namespace gets its account a moment after itself. */
const waitStepMs = 50
const maxWaits = 20

export interface ServiceAccountOptions {
  readonly store: Store
  readonly clock: Clock
  readonly random: Random
}

/** Gives every pod a service account and mounts its token, the cluster's authority and the namespace's name. */
export function serviceAccount({ store, clock, random }: ServiceAccountOptions): AdmissionPlugin {
  const find = (namespace: string, name: string) =>
    store.get(`core/serviceaccounts/${namespace}/${name}`)?.object as CoreV1ServiceAccount | undefined
  const refuse = (pod: CoreV1Pod, why: string) => forbidden({ group: '', plural: 'pods' }, pod.metadata.name ?? '', why)

  return {
    name: 'ServiceAccount',
    admit({ operation, declaration, namespace, subresource, object }) {
      if (operation !== 'CREATE' || subresource !== '' || resourceOf(declaration) !== 'pods') return
      const pod = object as CoreV1Pod
      if (pod.metadata.annotations?.['kubernetes.io/config.mirror'] !== undefined) return checkMirror(pod)
      const name = (pod.spec.serviceAccountName ||= 'default')
      pod.spec.serviceAccount = name
      const account = find(namespace, name)
      return account === undefined ? admitLater(pod, namespace, name) : equip(pod, account, random)
    },
  }

  function checkMirror(pod: CoreV1Pod): void {
    if (pod.spec?.serviceAccountName) throw refuse(pod, 'a mirror pod may not reference service accounts')
  }

  async function admitLater(pod: CoreV1Pod, namespace: string, name: string): Promise<void> {
    for (let waits = 0; waits < maxWaits; waits++) {
      await clock.sleep(waitStepMs)
      const account = find(namespace, name)
      if (account !== undefined) return equip(pod, account, random)
    }
    throw refuse(pod, `error looking up service account ${namespace}/${name}: serviceaccount ${JSON.stringify(name)} not found`)
  }
}

function equip({ spec }: CoreV1Pod, account: CoreV1ServiceAccount, random: Random): void {
  if (spec === undefined) return
  if ((spec.imagePullSecrets ?? []).length === 0 && account.imagePullSecrets !== undefined)
    spec.imagePullSecrets = account.imagePullSecrets.map((secret) => ({ ...secret }))
  if (!(spec.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true)) return
  const present = spec.volumes?.find((volume) => volume.name?.startsWith(volumePrefix) && volume.projected !== undefined)
  const name = present?.name ?? `${volumePrefix}${random.suffix(5)}`
  let isNeeded = false
  for (const container of [...(spec.initContainers ?? []), ...(spec.containers ?? [])]) {
    if ((container.volumeMounts ?? []).some((mount) => mount.mountPath === mountPath)) continue
    container.volumeMounts = [...(container.volumeMounts ?? []), { name, readOnly: true, mountPath }]
    isNeeded = true
  }
  if (isNeeded && present === undefined) spec.volumes = [...(spec.volumes ?? []), tokenVolume(name)]
}

function tokenVolume(name: string): CoreV1Volume {
  return {
    name,
    projected: {
      sources: [
        { serviceAccountToken: { expirationSeconds: tokenSeconds, path: 'token' } },
        { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
        { downwardAPI: { items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }] } },
      ],
      defaultMode: 420,
    },
  }
}
