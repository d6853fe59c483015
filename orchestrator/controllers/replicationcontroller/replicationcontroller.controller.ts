import { CoreV1ReplicationController } from '../../api/generated/kinds.ts'
import { selectorFromMap } from '../../api/labels.ts'
import type { InformerFactory } from '../../client/informer.ts'
import type { ControllerDeclaration } from '../controller.ts'
import { createReplicaController } from '../replicaset/replicaset.controller.ts'

/** Keeps as many active pods as each ReplicationController asks for. */
export const createReplicationControllerController = (options: {
  readonly informers: InformerFactory
}): ControllerDeclaration<CoreV1ReplicationController> =>
  createReplicaController(options, {
    name: 'replicationcontroller',
    kind: CoreV1ReplicationController,
    selectorOf: ({ spec }) => selectorFromMap(spec.selector ?? spec.template?.metadata?.labels),
    toStatus: ({ replicas, fullyLabeledReplicas, readyReplicas, availableReplicas, observedGeneration, conditions }) => ({
      replicas,
      fullyLabeledReplicas,
      readyReplicas,
      availableReplicas,
      observedGeneration,
      conditions,
    }),
  })
