import { appendFile, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Spool } from './spool.ts'
import type { SpoolOptions } from './spool.ts'

const now = () => 1000

describe('the spool', () => {
  let dir: string
  const opened: Spool[] = []
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'spool-test-'))
  })
  afterEach(async () => {
    for (const spool of opened.splice(0)) await spool.close()
    await rm(dir, { recursive: true, force: true })
  })

  async function open(options: Partial<SpoolOptions> = {}): Promise<Spool> {
    const spool = new Spool({ dir, maxBytes: 1 << 20, segmentBytes: 200, now, ...options })
    await spool.open()
    opened.push(spool)
    return spool
  }
  const record = (text: string, items = 1) => ({ body: Buffer.from(text), items })
  async function drain(spool: Spool): Promise<readonly string[]> {
    const texts: string[] = []
    for (let head = await spool.lease(); head !== undefined; head = await spool.lease()) {
      texts.push(head.body.toString())
      await spool.acknowledge(head)
    }
    return texts
  }

  it('gives records back in the order in which they came, over segments and restarts', async () => {
    const first = await open()
    const texts = Array.from({ length: 50 }, (_, index) => `record ${index}`)
    for (const text of texts.slice(0, 30)) await first.append(record(text))
    await first.close()
    const second = await open()
    for (const text of texts.slice(30)) await second.append(record(text))
    expect(second.stats()).toMatchObject({ items: 50, droppedItems: 0, tornBytes: 0 })
    expect(await drain(second)).toEqual(texts)
    expect(second.isEmpty).toBe(true)
    expect(await readdir(dir)).toEqual([])
  })

  it('says that something will be lost while it is still on disk', async () => {
    const spool = new Spool({ dir, maxBytes: 400, segmentBytes: 100, now })
    const seen: { readonly dropped: number; readonly segments: readonly string[] }[] = []
    await spool.open(async () => void seen.push({ dropped: spool.stats().droppedItems, segments: await readdir(dir) }))
    opened.push(spool)
    for (let index = 0; index < 5; index++) await spool.append(record('x'.repeat(80), 3))
    expect(seen).toEqual([
      { dropped: 3, segments: ['000000000001.spool', '000000000002.spool', '000000000003.spool', '000000000004.spool'] },
    ])
    expect(await readdir(dir)).not.toContain('000000000001.spool')
    const [damaged] = (await readdir(dir)).sort()
    await writeFile(join(dir, damaged!), 'not a spool any more')
    expect(await drain(spool)).toHaveLength(3)
    expect(seen).toHaveLength(2)
    expect(seen[1]!.segments).toContain(damaged)
  })

  it('goes on taking what is new when it is small and full, while its oldest record is on its way', async () => {
    const spool = new Spool({ dir, maxBytes: 10_000, now })
    await spool.open()
    opened.push(spool)
    expect(await spool.append(record('x'.repeat(900)), true)).toBeDefined()
    for (let index = 0; index < 100; index++) expect(await spool.append(record(`${index}`.padEnd(900)))).toBeDefined()
    const { items, droppedItems, bytes } = spool.stats()
    expect(bytes).toBeLessThanOrEqual(10_000)
    expect(items).toBeGreaterThan(5)
    expect(items + droppedItems).toBe(100)
    expect((await drain(spool)).at(-1)!.trim()).toBe('99')
  })

  it('offers what was not acknowledged again after a restart', async () => {
    const first = await open()
    for (const text of ['a', 'b', 'c']) await first.append(record(text))
    await first.acknowledge((await first.lease())!)
    await first.close()
    expect((await drain(await open())).slice(-2)).toEqual(['b', 'c'])
  })

  it('cuts off and counts a torn end, and keeps every whole record before it', async () => {
    const first = await open({ segmentBytes: 1 << 20 })
    for (const text of ['whole one', 'whole two', 'torn']) await first.append(record(text))
    await first.close()
    const [name] = await readdir(dir)
    const path = join(dir, name!)
    await truncate(path, (await readFile(path)).length - 2)
    const second = await open()
    expect(second.stats().tornBytes).toBeGreaterThan(0)
    expect(await drain(second)).toEqual(['whole one', 'whole two'])
  })

  it('survives any damage at any place without giving out a damaged record', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(1000), fc.nat(255), async (at, byte) => {
        const damaged = await mkdtemp(join(tmpdir(), 'spool-test-'))
        const texts = Array.from({ length: 10 }, (_, index) => `record number ${index}`)
        const spool = new Spool({ dir: damaged, maxBytes: 1 << 20, now })
        await spool.open()
        for (const text of texts) await spool.append(record(text))
        await spool.close()
        const path = join(damaged, (await readdir(damaged))[0]!)
        const bytes = await readFile(path)
        bytes[at % bytes.length] = byte
        await writeFile(path, bytes)
        await appendFile(path, Buffer.alloc(byte))
        const again = new Spool({ dir: damaged, maxBytes: 1 << 20, now })
        await again.open()
        const found = await drain(again)
        await again.close()
        expect(found).toEqual(texts.slice(0, found.length))
        await rm(damaged, { recursive: true })
      }),
      { numRuns: 50 },
    )
  })

  it('drops the oldest segment when it is full, and says how many points that cost', async () => {
    const spool = await open({ maxBytes: 1000 })
    for (let index = 0; index < 100; index++) await spool.append(record(`record ${String(index).padStart(4, '0')}`, 10))
    const { items, droppedItems, bytes } = spool.stats()
    expect(bytes).toBeLessThanOrEqual(1000)
    expect(items + droppedItems).toBe(1000)
    expect((await drain(spool)).at(-1)).toBe('record 0099')
  })

  it('keeps what is on its way when it needs room, and takes acknowledgements in any order', async () => {
    const spool = await open({ maxBytes: 300, segmentBytes: 60 })
    await spool.append(record('first'))
    await spool.append(record('second'))
    const [first, second] = [(await spool.lease())!, (await spool.lease())!]
    for (let index = 0; index < 20; index++) await spool.append(record('later'))
    const { items, droppedItems } = spool.stats()
    expect(items + droppedItems).toBe(20)
    await spool.acknowledge(second)
    await spool.acknowledge(first)
    await spool.acknowledge(first)
    expect(spool.stats()).toMatchObject({ items, droppedItems })
    expect(await drain(spool)).toHaveLength(items)
    expect(await readdir(dir)).toEqual([])
  })

  it('does not hand out what is leased from its start, and offers it again after a crash', async () => {
    const spool = await open()
    const leased = (await spool.append(record('on its way'), true))!
    await spool.append(record('waits'))
    expect(spool.stats().items).toBe(1)
    expect(await drain(spool)).toEqual(['waits'])
    const again = await open()
    expect(await drain(again)).toEqual(['on its way', 'waits'])
    await spool.acknowledge(leased)
  })

  it('says that the disk does not take something, and goes on', async () => {
    const spool = await open()
    await spool.append(record('a'))
    await spool.close()
    await rm(dir, { recursive: true })
    expect(await spool.append(record('lost', 7))).toBeUndefined()
    expect(spool.stats()).toMatchObject({ items: 1, lastError: expect.stringContaining('ENOENT') })
    expect(await spool.lease()).toBeUndefined()
    expect(spool.stats()).toMatchObject({ items: 0, unreadableItems: 1 })
  })

  it('passes over files that are not its own', async () => {
    await writeFile(join(dir, '000000000009.spool'), 'something else')
    await writeFile(join(dir, 'notes.txt'), 'mine')
    const spool = await open()
    expect(spool.isEmpty).toBe(true)
    await spool.append(record('a'))
    expect(await drain(spool)).toEqual(['a'])
    expect(await readdir(dir)).toEqual(['notes.txt'])
  })
})
