import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { systemClock } from './clock.ts'
import { silentLog } from './log.ts'
import { identifyProcess, isAlive } from './process-identity.ts'
import { createSupervisor, endLeftover, type ProcessSpec, type Supervisor } from './supervision.ts'

const readyThenWait = "process.send?.({ ready: true }); process.on('disconnect', () => process.exit()); setInterval(() => {}, 1000)"

function prepareNever(): void {
  throw new Error('not here')
}

describe('supervisor', () => {
  let folder: string
  let supervisor: Supervisor
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'binnacle-supervision-'))
    supervisor = createSupervisor({ clock: systemClock, log: silentLog, environment: process.env })
  })
  afterEach(async () => {
    for (const { name } of supervisor.states()) await supervisor.stop(name)
    rmSync(folder, { recursive: true })
  })

  const spec = (name: string, script: string): ProcessSpec => ({
    name,
    command: process.execPath,
    args: ['-e', script],
    logFile: join(folder, `${name}.log`),
    readiness: true,
  })
  const stateOf = (name: string) => supervisor.states().find((state) => state.name === name)!

  it('resolves when the process says that it is ready', async () => {
    await supervisor.start(spec('a', readyThenWait), 10_000)
    expect(stateOf('a').state).toBe('ready')
    expect(isAlive(stateOf('a').identity!)).toBe(true)
  })

  it('rejects with the reason and the log when the process ends before it is ready', async () => {
    await expect(supervisor.start(spec('a', "console.error('no disk'); process.exit(3)"), 10_000)).rejects.toThrow(
      /ended at once \(exit code 3\); its log: .*a\.log\nno disk$/,
    )
    expect(readFileSync(join(folder, 'a.log'), 'utf8')).toContain('no disk')
  })

  it('starts a process again that somebody kills before it is ready', async () => {
    const marker = join(folder, 'marker')
    const script = `const fs = require('node:fs'); if (fs.existsSync(${JSON.stringify(marker)})) { ${readyThenWait} } else { fs.writeFileSync(${JSON.stringify(marker)}, ''); process.kill(process.pid, 'SIGKILL') }`
    await supervisor.start(spec('a', script), 10_000)
    expect(stateOf('a')).toMatchObject({ state: 'ready', restarts: 1, lastExit: 'signal SIGKILL' })
  })

  it('goes on trying where it is to be patient, and lets others go on after a while', async () => {
    await supervisor.start(spec('a', 'process.exit(3)'), 700, true)
    expect(stateOf('a').state).not.toBe('stopped')
    expect(stateOf('a').restarts).toBeGreaterThan(0)
    await supervisor.stop('a')
  })

  it('brings back a process that was killed, and counts it', async () => {
    await supervisor.start(spec('a', readyThenWait), 10_000)
    const { pid } = stateOf('a').identity!
    process.kill(pid, 'SIGKILL')
    await vi.waitFor(() => expect(stateOf('a')).toMatchObject({ state: 'ready', restarts: 1, lastExit: 'signal SIGKILL' }), {
      timeout: 10_000,
    })
    expect(stateOf('a').identity!.pid).not.toBe(pid)
  })

  it('prepares each start, and counts a preparation that fails as an end of the process', async () => {
    let preparations = 0
    const prepare = () => {
      preparations++
      if (preparations === 2) throw new Error('no room')
    }
    await supervisor.start({ ...spec('a', readyThenWait), prepare }, 10_000)
    process.kill(stateOf('a').identity!.pid, 'SIGKILL')
    await vi.waitFor(() => expect(stateOf('a')).toMatchObject({ state: 'ready', restarts: 2, lastExit: 'no room' }), { timeout: 10_000 })
    await expect(supervisor.start({ ...spec('b', readyThenWait), prepare: () => prepareNever() }, 10_000)).rejects.toThrow(
      /b ended at once \(not here\)/,
    )
  })

  it('stops for good, with SIGKILL where SIGTERM does not do', async () => {
    const stubborn = { ...spec('a', `process.on('SIGTERM', () => {}); ${readyThenWait}`), stopTimeoutMs: 100 }
    await supervisor.start(stubborn, 10_000)
    const identity = stateOf('a').identity!
    await supervisor.stop('a')
    expect(isAlive(identity)).toBe(false)
    expect(supervisor.states()).toEqual([])
  })

  it('ends what an earlier supervisor left behind, and only that very process', async () => {
    await supervisor.start(spec('a', readyThenWait), 10_000)
    const identity = stateOf('a').identity!
    await endLeftover({ ...identity, startTicks: '1' }, 1000, systemClock)
    expect(isAlive(identity)).toBe(true)
    await endLeftover(identity, 1000, systemClock)
    expect(isAlive(identity)).toBe(false)
  })

  it('tells this process from a later one with the same number', () => {
    expect(isAlive(identifyProcess()!)).toBe(true)
    expect(isAlive({ pid: process.pid, startTicks: '1' })).toBe(false)
  })
})
