import type { LogOrigin } from '../log-batch.ts'
import type { BlockLines } from './block.ts'

/** Whether lines are about one pod, where lines about many pods are of one source. */
export interface LineSubject {
  /** Lines about it have this in them; absent: it is not in their text. */
  readonly needle: Buffer | undefined
  has(block: BlockLines, line: number): boolean
}

/** `undefined` for kinds of which a source is that of one pod. */
export function podSubject(kind: LogOrigin['kind'], pod: string): LineSubject | undefined {
  // Each event says in its fields what it is about.
  if (kind === 'events')
    return { needle: undefined, has: ({ fields }, line) => fields?.[line]?.['kind'] === 'Pod' && fields[line]['name'] === pod }
  if (kind === 'audit') return { needle: Buffer.from(`"name":${JSON.stringify(pod)}`), has: (block, line) => isAuditOf(block, line, pod) }
  return undefined
}

/** Whether an event of `audit.k8s.io/v1` is about a request for a pod or something of it. */
function isAuditOf({ text, ends }: BlockLines, line: number, pod: string): boolean {
  try {
    const event = JSON.parse(text.toString('utf8', line === 0 ? 0 : ends[line - 1], ends[line])) as {
      readonly objectRef?: { readonly resource?: unknown; readonly name?: unknown }
    } | null
    return event?.objectRef?.resource === 'pods' && event.objectRef.name === pod
  } catch {
    return false
  }
}
