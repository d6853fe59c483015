/** What is known of a pod apart from its containers. */
export interface PodFacts {
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly owner: { readonly kind: string; readonly name: string } | undefined
}

/** A container whose log is to be read, as it is handed to the pipeline's thread. Sent again, whole, when something about it has changed. */
export interface ContainerRecord {
  readonly id: string
  /** Of Docker's json-file driver. */
  readonly logPath: string
  readonly name: string
  readonly image: string
  readonly labels: Readonly<Record<string, string>>
  /** Where it belongs to a pod. */
  readonly pod: { readonly name: string; readonly namespace: string; readonly uid: string; readonly container: string } | undefined
  readonly facts: PodFacts | undefined
  /** `created`: its file may come at any moment. `ended`: all that it wrote is there. `removed`: its file is no longer there. */
  readonly phase: 'created' | 'running' | 'ended' | 'removed'
  /** Whether what is known of its pod is still to come: its file is opened and not read yet. */
  readonly isIncomplete: boolean
  /** Nothing has happened to the container: its pod has become known, or has changed. */
  readonly isAboutPod?: boolean
}
