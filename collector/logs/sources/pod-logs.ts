import type { LogOrigin } from '../log-batch.ts'
import type { PodFacts } from './container-record.ts'
import { decodeCri } from '../decoding/cri.ts'
import { decodeDocker } from '../decoding/docker-json.ts'
import type { Decode } from '../decoding/slice.ts'

/** What the path of a CRI runtime's log says: `NAMESPACE_POD_UID/CONTAINER/ATTEMPT.log`. */
export interface PodLogPath {
  readonly namespace: string
  readonly pod: string
  readonly uid: string
  readonly container: string
  readonly attempt: string
}

/** `undefined` for a path that no kubelet makes. */
export function readPodLogPath(path: string): PodLogPath | undefined {
  const match = /\/([a-z0-9-]{1,63})_([a-z0-9.-]{1,253})_([\w-]{1,128})\/([a-z0-9-]{1,63})\/(\d{1,9})\.log$/.exec(path)
  if (match === null) return undefined
  const [, namespace = '', pod = '', uid = '', container = '', attempt = ''] = match
  return { namespace, pod, uid, container, attempt }
}

/** The origin of a CRI runtime's log. */
export function podOrigin({ namespace, pod, uid, container, attempt }: PodLogPath, facts: PodFacts | undefined, node: string): LogOrigin {
  return {
    id: `pod/${uid}/${container}/${attempt}`,
    kind: 'container',
    node,
    namespace,
    pod,
    podUid: uid,
    container,
    containerId: '',
    image: '',
    owner: facts?.owner,
    labels: facts?.labels ?? {},
    annotations: facts?.annotations ?? {},
  }
}

const openBrace = 0x7b

/** With Docker as the runtime, the paths lead to Docker's files. */
export const decodeRuntime: Decode = (buffer, start, end, out) =>
  buffer[start] === openBrace ? decodeDocker(buffer, start, end, out) : decodeCri(buffer, start, end, out)
