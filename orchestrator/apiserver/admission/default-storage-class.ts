import type { CoreV1PersistentVolumeClaim, StorageV1StorageClass } from '../../api/generated/kinds.ts'
import type { Store } from '../../store/store.ts'
import { type AdmissionPlugin, resourceOf } from './admission.ts'

const prefix = 'storage.k8s.io/storageclasses/'
const defaultAnnotation = 'storageclass.kubernetes.io/is-default-class'
const classAnnotation = 'volume.beta.kubernetes.io/storage-class'

/** Gives a claim that says nothing of a class the default one. `storageClassName: ""` asks for none. Of several defaults the youngest counts. */
export function defaultStorageClass(store: Store): AdmissionPlugin {
  return {
    name: 'DefaultStorageClass',
    admit({ operation, declaration, subresource, object }) {
      if (operation !== 'CREATE' || subresource !== '' || resourceOf(declaration) !== 'persistentvolumeclaims') return
      const { metadata, spec } = object as CoreV1PersistentVolumeClaim
      if (spec === undefined || spec.storageClassName !== undefined || metadata.annotations?.[classAnnotation] !== undefined) return
      const [name] = defaultClasses(store)
      if (name !== undefined) spec.storageClassName = name
    },
  }
}

function defaultClasses(store: Store): readonly string[] {
  return store
    .list(prefix)
    .entries.map(({ object }) => object as StorageV1StorageClass)
    .filter(({ metadata }) => metadata.annotations?.[defaultAnnotation] === 'true')
    .sort((a, b) => ((a.metadata.creationTimestamp ?? '') < (b.metadata.creationTimestamp ?? '') ? 1 : -1))
    .map(({ metadata }) => metadata.name!)
}
