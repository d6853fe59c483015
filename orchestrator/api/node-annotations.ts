/** On a Node: the range of the pod network that it has had, and gets again where it is free. */
export const preferredPodCidrAnnotation = 'binnacle.dev/pod-cidr'

/** On a Node that is about to be deleted for good: its agent is not to register it again. */
export const removedAnnotation = 'binnacle.dev/removed'
