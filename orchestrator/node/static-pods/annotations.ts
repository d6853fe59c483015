import type { CoreV1Pod } from '../../api/generated/kinds.ts'

/** What marks pods that come from files, and their mirrors in the API. */
export const staticAnnotation = {
  hash: 'kubernetes.io/config.hash',
  mirror: 'kubernetes.io/config.mirror',
  seen: 'kubernetes.io/config.seen',
  source: 'kubernetes.io/config.source',
} as const

/** The identity of the static pod that this pod of the API mirrors; `undefined` for every other pod. */
export const mirroredUid = (pod: CoreV1Pod): string | undefined => pod.metadata.annotations?.[staticAnnotation.mirror]
