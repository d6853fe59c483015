import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FakeClock } from '../../../lib/fake-clock.ts'
import { silentLog } from '../../../lib/log.ts'
import type { ImageFacts } from '../runtime/runtime.ts'
import { ImageCollector } from './image-collector.ts'

const image = (id: string, sizeBytes: number): ImageFacts => ({ id, tags: [`${id}:1`], digests: [], sizeBytes, user: '' })
const minute = 60_000

describe('the collector of unused images', () => {
  let clock: FakeClock
  let present: ImageFacts[]
  let used: Set<string>
  let availableBytes: number
  let refused: Set<string>
  let collector: ImageCollector

  beforeEach(async () => {
    clock = new FakeClock()
    present = [image('old', 10), image('new', 10), image('used', 10)]
    used = new Set(['used', 'new'])
    refused = new Set()
    availableBytes = 50
    collector = new ImageCollector({
      clock,
      log: silentLog,
      highPercent: 85,
      lowPercent: 80,
      minAgeMs: 2 * minute,
      disk: async () => ({ capacityBytes: 100, availableBytes }),
      images: {
        inspect: async () => undefined,
        pull: async () => {},
        list: async () => present,
        used: async () => used,
        remove: async (id) => {
          if (refused.has(id)) throw new Error('conflict: a container uses it')
          present = present.filter((each) => each.id !== id)
        },
      },
    })
    collector.start()
    await clock.advance(1)
  })
  afterEach(() => collector.stop())
  const ids = () => present.map(({ id }) => id).join()

  it('leaves everything alone while there is room', async () => {
    await clock.advance(60 * minute)
    expect(ids()).toBe('old,new,used')
  })

  it('removes the longest unused until there is room again, and nothing that is in use', async () => {
    await clock.advance(5 * minute)
    used = new Set(['used'])
    availableBytes = 14
    await clock.advance(5 * minute)
    expect(ids()).toBe('new,used')
    availableBytes = 0
    await clock.advance(5 * minute)
    expect(ids()).toBe('used')
  })

  it('keeps what was used or came less than two minutes ago', async () => {
    await collector.removeUnused()
    expect(ids()).toBe('old,new,used')
    await clock.advance(2 * minute)
    await collector.removeUnused()
    expect(ids()).toBe('new,used')
  })

  it('goes on with the next where the engine refuses one', async () => {
    used = new Set(['used'])
    refused = new Set(['old'])
    availableBytes = 5
    await clock.advance(5 * minute)
    expect(ids()).toBe('old,used')
  })
})
