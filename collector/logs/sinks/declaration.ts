import type { LogContext } from '../context.ts'
import type { DeliverySettings } from './delivery-settings.ts'
import type { OptionNode } from './option-node.ts'
import type { LogSender } from './sink.ts'

/**
 * A type of sink. Its options are plain data, so that they can be handed to another thread; nothing is opened and nothing runs before `create`.
 */
export interface SinkDeclaration<Options = unknown> {
  /** The word under `type` of a configuration. */
  readonly type: string
  /** One request at a time and no other: `concurrency` is no option. */
  readonly isSerial?: boolean
  /** What differs from the usual delivery. */
  readonly delivery?: Partial<DeliverySettings>
  /** Reads the options of its own; notes what is wrong with them. */
  readOptions(node: OptionNode): Options
  create(options: Options, context: LogContext): LogSender
}
