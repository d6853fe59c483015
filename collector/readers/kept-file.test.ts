import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { DescriptorBudget, openFilesLimit } from './descriptor-budget.ts'
import { KeptFile, ReadBuffer } from './kept-file.ts'

describe('a file that is read again and again', () => {
  const buffer = new ReadBuffer()
  let folder: string
  beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'kept-file-'))))
  afterEach(() => rmSync(folder, { recursive: true }))

  const write = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text)
    return join(folder, name)
  }
  const textOf = (file: KeptFile) => {
    const outcome = file.read(buffer)
    return typeof outcome === 'number' ? buffer.bytes.toString('latin1', 0, outcome) : outcome
  }

  it('is opened for each reading where no descriptor is left, and kept as soon as there is one', () => {
    const budget = new DescriptorBudget(1)
    const [first, second] = [new KeptFile(write('a', '1'), budget), new KeptFile(write('b', '2'), budget)]
    expect([first.isKept, second.isKept]).toEqual([true, false])
    expect([first.isOpen, second.isOpen]).toEqual([true, true])
    expect([textOf(first), textOf(second)]).toEqual(['1', '2'])
    write('b', '34')
    expect(textOf(second)).toBe('34')
    first.close()
    expect(textOf(second)).toBe('34')
    expect(second.isKept).toBe(true)
    second.close()
    expect(second.isOpen).toBe(false)
    expect(new KeptFile(write('c', ''), budget).isKept).toBe(true)
  })

  it('leaves descriptors to others where its budget is a part of theirs', () => {
    const whole = new DescriptorBudget(4)
    const part = whole.part(0.25)
    const [path, files] = [write('a', ''), [] as KeptFile[]]
    for (const budget of [part, part, whole, whole, whole, whole]) files.push(new KeptFile(path, budget))
    expect(files.map(({ isKept }) => isKept)).toEqual([true, false, true, true, true, false])
    files[0]!.close()
    expect(new KeptFile(path, part).isKept).toBe(true)
  })

  it('is gone when it cannot be opened any more', () => {
    const file = new KeptFile(write('a', '1'), new DescriptorBudget(0))
    rmSync(join(folder, 'a'))
    expect(textOf(file)).toBe('gone')
  })

  it('keeps the reason why it cannot be opened, and takes no descriptor', () => {
    const budget = new DescriptorBudget(1)
    expect(new KeptFile(join(folder, 'none'), budget)).toMatchObject({ isOpen: false, problem: 'ENOENT' })
    expect(new KeptFile(write('a', ''), budget).isKept).toBe(true)
  })

  it('knows how many files a process may have open', () => {
    expect(
      openFilesLimit(
        write('limits', 'Max processes  100  200  processes\nMax open files            20000                30000                files\n'),
      ),
    ).toBe(20_000)
    expect(openFilesLimit(write('limits', 'Max open files            unlimited            unlimited            files\n'))).toBe(Infinity)
    expect(openFilesLimit(join(folder, 'none'))).toBe(Infinity)
  })
})
