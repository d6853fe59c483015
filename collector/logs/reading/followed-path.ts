import type { Account } from '../accounts.ts'
import type { Decode } from '../decoding/slice.ts'
import type { Distribution } from '../distribution.ts'
import type { LogBatch, LogOrigin } from '../log-batch.ts'
import type { Processing } from '../processing/processing.ts'
import type { FileGroup } from './file-group.ts'
import type { Lane } from './lane.ts'
import type { LineContext, LineOutput, LineProcessor } from './line-chain.ts'

/** Where the lines of an origin go and what is done with them; another one when the origin has changed. */
export interface Route {
  readonly origin: LogOrigin
  readonly processing: Processing
  readonly lane: Lane
  readonly distribution: Distribution
}

export interface FollowedPathOptions {
  readonly route: Route
  readonly decode: Decode
  readonly account: Account
  readonly maxLineBytes: number
  readonly now: () => number
  /** What the settings make of an origin. */
  readonly routeOf: (origin: LogOrigin) => Route
  readonly createGroup: (path: FollowedPath) => FileGroup
}

/** A path that is read: its files, and what becomes of their lines. */
export class FollowedPath implements LineContext {
  readonly group: FileGroup
  readonly decode: Decode
  readonly account: Account
  readonly maxLineBytes: number
  readonly now: () => number
  readonly #options: FollowedPathOptions
  #route: Route
  #isReleased = false

  constructor(options: FollowedPathOptions) {
    this.#options = options
    this.#route = options.route
    this.decode = options.decode
    this.account = options.account
    this.maxLineBytes = options.maxLineBytes
    this.now = options.now
    this.group = options.createGroup(this)
    this.group.want(!this.#route.processing.isExcluded)
  }

  get origin(): LogOrigin {
    return this.#route.origin
  }

  get processing(): Processing {
    return this.#route.processing
  }

  createProcessor(output: LineOutput): LineProcessor {
    return this.#route.processing.createProcessor(output)
  }

  deliver(batch: LogBatch, done: () => void): void {
    const { account } = this
    this.#route.distribution.deliver(batch, () => {
      account.acknowledge(batch.count, batch.text.length)
      done()
    })
  }

  /** Lines that are read from now on are of this origin. */
  describe(origin: LogOrigin): void {
    if (isSameOrigin(origin, this.#route.origin)) return
    this.#route = this.#options.routeOf(origin)
    this.group.renew()
    this.group.want(!this.#route.processing.isExcluded)
    this.wake()
  }

  /** Everything is known that reading needs. */
  release(): void {
    if (this.#isReleased) return
    this.#isReleased = true
    this.wake()
  }

  /** There may be something to read. */
  wake(): void {
    if (this.#isReleased) this.#route.lane.wake(this.group)
  }
}

/** Origins are one object until something changes, so that batches of the same origin can be told by it. */
function isSameOrigin(a: LogOrigin, b: LogOrigin): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}
