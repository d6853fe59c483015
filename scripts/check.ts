import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** `npm run check`: what needs no Docker and no network. Prints each step; exits 1 if any fails. */
const project = fileURLToPath(new URL('..', import.meta.url))
const steps: readonly (readonly [string, ...string[]])[] = [
  ['tsc', '-b'],
  ['oxlint', '--deny-warnings'],
  ['oxfmt', '--check', '.'],
  ['knip', '--no-progress'],
]

let failed = 0
for (const [command, ...args] of steps) {
  console.log(`$ ${command} ${args.join(' ')}`)
  const { status } = spawnSync(`${project}node_modules/.bin/${command}`, args, { cwd: project, stdio: 'inherit' })
  if (status !== 0) failed++
}
process.exitCode = failed === 0 ? 0 : 1
