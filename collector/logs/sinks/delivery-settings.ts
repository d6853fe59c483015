import type { OptionNode } from './option-node.ts'

/** How lines travel to a receiver. */
export interface DeliverySettings {
  /** A request holds no more lines than this, */
  readonly maxLines: number
  /** and no more bytes of text, unless one line alone has more. */
  readonly maxBytes: number
  /** How long a line waits for company. */
  readonly maxDelayMs: number
  /** Requests on their way at once; lines of one file are always in order. */
  readonly concurrency: number
  /** From the first byte of a request to the last of its answer. */
  readonly timeoutMs: number
  /** What may be in memory. */
  readonly memoryBytes: number
  /** What happens beyond that: readers wait, lines go to disk, or they are dropped and counted. */
  readonly onFull: 'wait' | 'spool' | 'drop'
  readonly spoolBytes: number
  readonly whenSpoolFull: 'wait' | 'drop-oldest'
  /** Lines that were not taken for so long are dropped and counted; absent: never. */
  readonly giveUpAfterMs: number | undefined
  /** Of the file of refused lines; there is one older. 0: none is kept. */
  readonly deadLetterBytes: number
}

const usual: DeliverySettings = {
  maxLines: 5000,
  maxBytes: 4 << 20,
  maxDelayMs: 500,
  concurrency: 2,
  timeoutMs: 30_000,
  memoryBytes: 32 << 20,
  onFull: 'spool',
  spoolBytes: 1 << 30,
  whenSpoolFull: 'wait',
  giveUpAfterMs: undefined,
  deadLetterBytes: 16 << 20,
}

/** Reads `batch`, `concurrency`, `timeout`, `memory`, `on_full`, `spool`, `give_up_after` and `dead_letters`; `own` are the defaults of a type, which may be
 * one of one request at a time. */
export function readDeliverySettings(node: OptionNode, own: Partial<DeliverySettings>, isSerial: boolean): DeliverySettings {
  const defaults = { ...usual, ...own }
  const batch = node.child('batch')
  const memory = node.child('memory')
  const spool = node.child('spool')
  const deadLetters = node.child('dead_letters')
  const settings: DeliverySettings = {
    maxLines: batch.count('max_lines', { min: 1, max: 100_000, default: defaults.maxLines }),
    maxBytes: batch.bytes('max_bytes', { min: 1024, max: 256 << 20, default: defaults.maxBytes }),
    maxDelayMs: batch.duration('max_delay', { min: 0, max: 300_000, default: defaults.maxDelayMs }),
    concurrency: isSerial ? 1 : node.count('concurrency', { min: 1, max: 32, default: defaults.concurrency }),
    timeoutMs: node.duration('timeout', { min: 100, max: 600_000, default: defaults.timeoutMs }),
    memoryBytes: memory.bytes('max_bytes', { min: 64 << 10, max: 8 * 2 ** 30, default: defaults.memoryBytes }),
    onFull: node.word('on_full', ['wait', 'spool', 'drop'], defaults.onFull),
    spoolBytes: spool.bytes('max_bytes', { min: 1 << 20, max: 2 ** 40, default: defaults.spoolBytes }),
    whenSpoolFull: spool.word('when_full', ['wait', 'drop-oldest'], defaults.whenSpoolFull),
    giveUpAfterMs: node.has('give_up_after')
      ? node.duration('give_up_after', { min: 1000, max: 365 * 86_400_000, default: 0 })
      : defaults.giveUpAfterMs,
    deadLetterBytes: deadLetters.bytes('max_bytes', { min: 0, max: 2 ** 40, default: defaults.deadLetterBytes }),
  }
  if (spool.isPresent && settings.onFull !== 'spool') node.problem('spool', `is of no use with on_full: ${settings.onFull}`)
  if (settings.onFull === 'spool' && settings.spoolBytes < 4 * settings.maxBytes)
    spool.problem('max_bytes', 'must be four times max_bytes of batch')
  for (const child of [batch, memory, spool, deadLetters]) child.finish()
  return settings
}
