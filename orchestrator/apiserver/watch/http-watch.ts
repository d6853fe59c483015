import type { ServerResponse } from 'node:http'
import type { Clock, Timer } from '../../../lib/clock.ts'
import { statusOf } from '../../api/status-error.ts'
import type { Change, Watcher } from '../../store/store.ts'
import { bookmarkFrame, errorFrame, type FrameEncoder } from './frames.ts'
import type { FlushScheduler } from './flush-scheduler.ts'
import { translateWatchError } from './plan-watch.ts'
import { selectChange } from './selected-change.ts'
import type { WatchPlan } from './watch-plan.ts'

const bookmarkIntervalMs = 60_000
/** A bookmark comes shortly before the watch's time is over, so that the next one starts at the right place. */
const lastBookmarkLeadMs = 2_000
/** A client that leaves this much unread is cut off; it comes back and goes on where it was. */
const maxUnsentBytes = 8 * 1024 * 1024

export interface HttpWatchOptions {
  readonly plan: WatchPlan
  readonly response: ServerResponse
  readonly clock: Clock
  readonly encoder: FrameEncoder
  readonly scheduler: FlushScheduler
}

/** One watch over HTTP: lines of JSON until the client goes, the time is over, the client is too slow or the server stops. */
export class HttpWatch implements Watcher {
  readonly #options: HttpWatchOptions
  #pending: Buffer[] = []
  #pendingBytes = 0
  #isFirst = true
  #isOver = false
  #timer: Timer | undefined
  #unsubscribe = () => {}
  readonly #endsAt: number

  constructor(options: HttpWatchOptions) {
    this.#options = options
    this.#endsAt = options.clock.monotonic() + options.plan.timeoutMs
  }

  start(): void {
    const { plan, response } = this.#options
    response.on('close', () => this.#end())
    response.writeHead(200, {
      'content-type': `${plan.accepted.mediaType}${plan.accepted.as === 'object' ? '' : `;as=${plan.accepted.as};v=v1;g=meta.k8s.io`}`,
      'cache-control': 'no-cache, private',
    })
    if (plan.error !== undefined) {
      this.#isOver = true
      response.end(errorFrame(plan.error))
      return
    }
    // The client must see the head at once, however long the first event takes.
    response.flushHeaders()
    for (const entry of plan.initial) this.#add('ADDED', entry)
    if (plan.marksInitialEnd) this.#push(bookmarkFrame(plan, plan.fromRevision, true))
    try {
      this.#unsubscribe = plan.store.watch(plan.prefix, plan.fromRevision, this)
    } catch (error) {
      const status = statusOf(translateWatchError(error))
      if (status !== undefined) this.#push(errorFrame(status))
      return this.#finish()
    }
    this.flush()
    this.#arm()
  }

  changed(changes: readonly Change[]): void {
    for (const change of changes) {
      const selected = selectChange(this.#options.plan, change)
      if (selected !== undefined) this.#add(selected.type, selected.entry)
    }
  }

  closed(): void {
    this.#finish()
  }

  /** Writes what waits. Called by the scheduler. */
  flush(): void {
    if (this.#isOver || this.#pending.length === 0) return
    const { response } = this.#options
    const chunk = this.#pending.length === 1 ? this.#pending[0]! : Buffer.concat(this.#pending, this.#pendingBytes)
    this.#pending = []
    this.#pendingBytes = 0
    response.write(chunk)
  }

  #add(type: 'ADDED' | 'MODIFIED' | 'DELETED', entry: Parameters<FrameEncoder['encode']>[2]): void {
    if (this.#isOver) return
    const { plan, encoder } = this.#options
    this.#push(encoder.encode(plan, type, entry, this.#isFirst))
    this.#isFirst = false
  }

  #push(frame: Buffer): void {
    const { response, scheduler } = this.#options
    this.#pending.push(frame)
    this.#pendingBytes += frame.length
    if (unsentBytes(response) > maxUnsentBytes) {
      this.#end()
      response.destroy()
      return
    }
    scheduler.request(this)
  }

  #arm(): void {
    const { clock } = this.#options
    const left = this.#endsAt - clock.monotonic()
    const wait = left <= lastBookmarkLeadMs ? left : Math.min(bookmarkIntervalMs, left - lastBookmarkLeadMs)
    this.#timer = clock.setTimer(Math.max(0, wait), () => this.#tick())
  }

  #tick(): void {
    if (this.#isOver) return
    const { plan, clock } = this.#options
    if (plan.wantsBookmarks) this.#push(bookmarkFrame(plan, plan.store.revision, false))
    if (clock.monotonic() >= this.#endsAt) this.#finish()
    else this.#arm()
  }

  /** Ends the stream after what waits. */
  #finish(): void {
    if (this.#isOver) return
    this.flush()
    this.#end()
    this.#options.response.end()
  }

  #end(): void {
    this.#isOver = true
    this.#pending = []
    this.#timer?.cancel()
    this.#unsubscribe()
  }
}

/** What the client has not taken yet. An HTTP/2 response keeps it in its stream. */
function unsentBytes(response: ServerResponse): number {
  const { stream } = response as unknown as { readonly stream?: { readonly writableLength: number } }
  return stream?.writableLength ?? response.writableLength
}
