/** An answer quotes the lines that it could not read. */
const maxMessageLength = 4000

/** What InfluxDB's answer to a write means for its points. */
export type WriteOutcome =
  | { readonly kind: 'stored' }
  /** Some or all points were refused for good; the others are stored. `rejected` is a count as exact as the answer allows. */
  | { readonly kind: 'rejected'; readonly rejected: number; readonly reason: RejectReason; readonly message: string }
  /** The body was too large: send it in halves. */
  | { readonly kind: 'too-large' }
  /** Nothing is wrong with the points; send them again later. `isMissingDatabase`: create the database and its policies first. */
  | { readonly kind: 'retry'; readonly message: string; readonly isMissingDatabase: boolean }

type RejectReason = 'parse' | 'field-type' | 'series-limit' | 'retention' | 'other'

/**
 * Reads the answer to a write of `points` points. 1.x stores the good points of a batch and tells of the bad ones in a 400 whose
 * `dropped=` counts those refused by the engine but not the lines it could not parse, which are named one by one; a 400 without
 * `partial write` means that no line was good. A 400 is therefore never worth sending again. 2.x says 422 for
 * what it never takes.
 */
export function readWriteAnswer(status: number, body: string, points: number): WriteOutcome {
  if (status >= 200 && status < 300) return { kind: 'stored' }
  const message = messageOf(body)
  if (status === 413) return { kind: 'too-large' }
  if (status === 400 || status === 422)
    return {
      kind: 'rejected',
      rejected: countRejected(message, points),
      reason: reasonOf(message),
      message: message.slice(0, maxMessageLength),
    }
  return {
    kind: 'retry',
    message: `HTTP ${status}: ${message.slice(0, 500)}`,
    isMissingDatabase: status === 404 || message.includes('retention policy not found'),
  }
}

function messageOf(body: string): string {
  try {
    const { error, message } = JSON.parse(body) as { error?: unknown; message?: unknown }
    const said = error ?? message
    return typeof said === 'string' ? said : body
  } catch {
    return body
  }
}

function countRejected(message: string, points: number): number {
  if (!message.startsWith('partial write')) return points
  const unparsed = message.split('unable to parse').length - 1
  const dropped = Number(/dropped=(\d+)/.exec(message)?.[1] ?? 0)
  return Math.min(points, Math.max(1, unparsed + dropped))
}

function reasonOf(message: string): RejectReason {
  if (message.includes('field type conflict')) return 'field-type'
  if (message.includes('max-series-per-database') || message.includes('max-values-per-tag')) return 'series-limit'
  if (message.includes('retention policy') || message.includes('time outside range')) return 'retention'
  return message.includes('unable to parse') || message.includes('invalid') ? 'parse' : 'other'
}
