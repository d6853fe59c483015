import { CoreV1PersistentVolumeClaim, CoreV1Pod } from '../../api/generated/kinds.ts'
import { ephemeralClaimName, isClaimOfPod } from '../../api/persistent-volumes.ts'
import type { InformerFactory } from '../../client/informer.ts'
import { controllerReference } from '../adoption.ts'
import type { ControllerDeclaration } from '../controller.ts'
import { isTerminated } from '../pod-state.ts'
import { ignorePresent } from '../refusal.ts'

/** Makes a claim for each ephemeral volume of each pod; it goes with the pod. */
export function createEphemeralVolumeController({ informers }: { readonly informers: InformerFactory }): ControllerDeclaration<CoreV1Pod> {
  const claims = informers.informer(CoreV1PersistentVolumeClaim)
  return {
    name: 'ephemeral-volume',
    for: CoreV1Pod,
    owns: [CoreV1PersistentVolumeClaim],
    async reconcile(pod, { client, events }) {
      if (pod.metadata.deletionTimestamp !== undefined || isTerminated(pod)) return undefined
      for (const { name, ephemeral } of pod.spec.volumes ?? []) {
        const template = ephemeral?.volumeClaimTemplate
        if (template === undefined) continue
        const claimName = ephemeralClaimName(pod.metadata.name!, name)
        const present = claims.get(`${pod.metadata.namespace}/${claimName}`)
        if (present !== undefined && isClaimOfPod(present, pod)) continue
        if (present !== undefined) {
          const message = `PVC "${claimName}" was not created for pod "${pod.metadata.name}" (pod is not owner)`
          events.event(pod, 'Warning', 'EphemeralVolumeConflict', message)
          continue
        }
        const claim: CoreV1PersistentVolumeClaim = {
          apiVersion: 'v1',
          kind: 'PersistentVolumeClaim',
          metadata: {
            ...template.metadata,
            name: claimName,
            namespace: pod.metadata.namespace,
            ownerReferences: [controllerReference(CoreV1Pod, pod)],
          },
          spec: template.spec,
        }
        await ignorePresent(client.create(CoreV1PersistentVolumeClaim, claim))
      }
      return undefined
    },
  }
}
