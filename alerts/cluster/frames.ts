import type { Change, EntryDraft, Put } from '../state/journal.ts'

/** What a leader sends to a follower, as JSON in WebSocket messages. */
export type LeaderFrame =
  /** Parts of everything there is; the last one says at which change. What is not among them is to be forgotten. */
  | {
      readonly kind: 'snapshot'
      readonly put: readonly Put[]
      readonly entries: readonly EntryDraft[]
      readonly last?: { readonly index: number }
    }
  | { readonly kind: 'change'; readonly index: number; readonly change: Change }
  /** History from before this time can be forgotten. */
  | { readonly kind: 'prune'; readonly time: number }
  /** Asks for the promise not to take over for one lease duration. */
  | { readonly kind: 'ping'; readonly id: number }

/** What a follower answers. */
export type FollowerFrame =
  /** Everything up to this change is on its disk. */
  { readonly kind: 'ack'; readonly index: number } | { readonly kind: 'promise'; readonly id: number }

export const replicationPath = '/cluster/v1/replicate'
export const statusPath = '/cluster/v1/status'

/** Larger messages than this are not taken. */
export const maxFrameBytes = 64 * 1024 * 1024

/** A message of the other side, or `undefined` for what is none. */
export function parseFrame(data: Buffer): { readonly kind: string } | undefined {
  try {
    const value: unknown = JSON.parse(data.toString())
    return typeof value === 'object' && value !== null && 'kind' in value ? (value as { readonly kind: string }) : undefined
  } catch {
    return undefined
  }
}
