import type { LogAnswer, LogRequest } from './context.ts'
import type { LogFamily } from './families.ts'
import type { LogSettings } from './settings.ts'
import type { LogSinkSettings } from './sinks/sinks.ts'
import type { ContainerRecord, PodFacts } from './sources/container-record.ts'
import type { StoreSettings } from './store-settings.ts'

/** What the pipeline's thread is started with. */
export interface ThreadData {
  readonly nodeName: string
  readonly dataFolder: string
  readonly settings: LogSettings
  readonly sinks: readonly LogSinkSettings[]
  readonly store: StoreSettings | undefined
}

/** To the thread. An `ask` is answered under its id; `next` asks for the next part of an answer in parts, `leave` wants no more of it. */
export type ToThread =
  | { readonly type: 'container'; readonly record: ContainerRecord }
  | { readonly type: 'pod'; readonly uid: string; readonly facts: PodFacts }
  | { readonly type: 'ask'; readonly id: number; readonly request: LogRequest }
  | { readonly type: 'figures'; readonly id: number }
  | { readonly type: 'next' | 'leave'; readonly id: number }
  | { readonly type: 'stop' }

/** From the thread. `stopped` is its last word. */
export type FromThread =
  | { readonly type: 'ready' | 'stopped' }
  | { readonly type: 'failed'; readonly message: string }
  | {
      readonly type: 'answer'
      readonly id: number
      readonly answer: Pick<LogAnswer, 'code' | 'type'> & { readonly body: string | Uint8Array | undefined }
    }
  | { readonly type: 'part'; readonly id: number; readonly part: string | Uint8Array | undefined }
  | { readonly type: 'families'; readonly id: number; readonly families: readonly LogFamily[] }
  | { readonly type: 'log'; readonly level: 'debug' | 'info' | 'warn' | 'error'; readonly fields: object; readonly message: string }
