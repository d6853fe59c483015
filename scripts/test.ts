import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createPackageInstaller } from '../cli/setup/packages.ts'
import { unpackPackage } from '../cli/setup/unpacked-package.ts'

/**
 * `npm test`: set-up, checks, unit and acceptance tests, then end-to-end tests. Arguments are handed to vitest (`npm test -- --project unit`).
 * Fails on a failed check, a failed test, a skipped test, and on a run that finds no test.
 */
const project = fileURLToPath(new URL('..', import.meta.url))

/** Program → Debian package that end-to-end tests need. */
const programs: readonly (readonly [string, string])[] = [
  ['dockerd', 'docker.io'],
  ['influxd', 'influxdb'],
  ['nft', 'nftables'],
  ['busybox', 'busybox-static'],
  ['ip', 'iproute2'],
  ['chromium', 'chromium'],
]

/** Packages whose programs are run as peers without being installed: their services would take ports. */
const unpacked: readonly string[] = ['prometheus-alertmanager', 'prometheus', 'rsyslog', 'libestr0', 'libfastjson4']

async function installPrograms(): Promise<boolean> {
  const installer = createPackageInstaller({
    searchPath: process.env['PATH'] ?? '',
    isRoot: process.getuid?.() === 0,
    print: (line) => console.log(line),
    signal: new AbortController().signal,
  })
  let isComplete = true
  for (const [program, packageName] of programs) {
    const outcome = await installer.ensure(program, packageName)
    if (typeof outcome !== 'object') continue
    console.log(`${program} is missing: ${outcome.advice}`)
    isComplete = false
  }
  for (const packageName of unpacked) {
    const folder = unpackPackage(packageName, join(project, '.cache/debian'), (line) => console.log(line))
    if (folder === undefined) isComplete = false
    else process.env['PATH'] = `${folder}:${process.env['PATH']}`
  }
  return isComplete
}

function runChecks(): boolean {
  return spawnSync(process.execPath, [join(project, 'scripts/check.ts')], { cwd: project, stdio: 'inherit' }).status === 0
}

interface Report {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly numPendingTests: number
  readonly numTodoTests: number
  readonly success: boolean
}

function runVitest(args: readonly string[]): Report | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'binnacle-report-'))
  const file = join(folder, 'report.json')
  spawnSync(
    process.execPath,
    [join(project, 'node_modules/vitest/vitest.mjs'), 'run', '--reporter=default', '--reporter=json', `--outputFile=${file}`, ...args],
    { cwd: project, stdio: 'inherit' },
  )
  const report = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Report) : undefined
  rmSync(folder, { recursive: true })
  return report
}

async function main(args: readonly string[]): Promise<number> {
  const isComplete = await installPrograms()
  const isClean = args.length > 0 || runChecks()
  const runs =
    args.length > 0
      ? [args]
      : [
          ['--project', 'unit'],
          ['--project', 'e2e'],
        ]
  const reports = runs.map((run) => runVitest(run))
  const sum = (count: (report: Report) => number) =>
    reports.reduce((total, report) => total + (report === undefined ? 0 : count(report)), 0)
  const passed = sum((report) => report.numPassedTests)
  const failed = sum((report) => report.numFailedTests)
  const skipped = sum((report) => report.numPendingTests + report.numTodoTests)
  const isGood = reports.every((report) => report?.success === true) && passed > 0 && skipped === 0
  if (!isClean) console.log('A check failed, see above')
  if (skipped > 0) console.log('Skipped tests fail the run')
  if (!isComplete) console.log('End-to-end tests need the programs that are missing')
  console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`)
  return isGood && isClean ? 0 : 1
}

process.exitCode = await main(process.argv.slice(2))
