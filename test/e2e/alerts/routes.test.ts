import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { parseConfiguration } from '../../../alerts/routing/configuration.ts'
import { routesFor } from '../../../alerts/routing/route.ts'
import { seededRandom } from '../../../lib/random.ts'
import { execute } from '../../support/cluster.ts'

const trees = 500
const concurrency = 6
const random = seededRandom(20300104)
const receivers = Array.from({ length: 8 }, (_, index) => `r${index}`)
const names = ['team', 'env', 'sev', 'a_b']
const values = ['', 'x', 'y', 'xy', 'prod-1', 'é "q"']
const patterns = ['x|y', 'x.*', '', '.+', 'prod-[0-9]', '(?i)X', '[^x]', 'é.*']

let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'binnacle-routes-'))
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

const pick = <T>(list: readonly T[]): T => list[Math.floor(random.fraction() * list.length)]!
const chance = (share: number): boolean => random.fraction() < share

interface RouteText {
  receiver?: string
  matchers?: string[]
  match?: Record<string, string>
  match_re?: Record<string, string>
  continue?: boolean
  routes?: RouteText[]
}

function randomRoute(depth: number): RouteText {
  const route: RouteText = {}
  if (chance(0.8)) route.receiver = pick(receivers)
  if (chance(0.7)) {
    route.matchers = Array.from({ length: 1 + Math.floor(random.fraction() * 2) }, () => {
      const operator = pick(['=', '!=', '=~', '!~'])
      return `${pick(names)}${operator}${JSON.stringify(pick(operator.endsWith('~') ? patterns : values))}`
    })
  }
  if (chance(0.2)) route.match = { [pick(names)]: pick(values) }
  if (chance(0.2)) route.match_re = { [pick(names)]: pick(patterns) }
  if (chance(0.4)) route.continue = true
  if (depth < 4 && chance(0.6)) route.routes = Array.from({ length: 1 + Math.floor(random.fraction() * 3) }, () => randomRoute(depth + 1))
  return route
}

function randomLabels(): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, pick(values)]).filter(([, value]) => value !== ''))
}

it(`${trees} random routing trees lead alerts where amtool says`, async () => {
  const next = Array.from({ length: trees }, (_, index) => {
    const routes = Array.from({ length: 3 }, () => randomRoute(1))
    const text = JSON.stringify({ route: { receiver: 'r0', routes }, receivers: receivers.map((name) => ({ name })) })
    return { file: join(folder, `${index}.yml`), text, labels: randomLabels() }
  })
  const differences: string[] = []
  const work = async () => {
    for (let job = next.pop(); job !== undefined; job = next.pop()) {
      writeFileSync(job.file, job.text)
      const labels = Object.entries(job.labels).map(([name, value]) => `${name}=${JSON.stringify(value)}`)
      const { stdout, stderr, code } = await execute('amtool', ['config', 'routes', 'test', `--config.file=${job.file}`, ...labels])
      const { route } = parseConfiguration('am.yml', job.text, () => '')
      const mine = routesFor(route, job.labels).map(({ receiver }) => receiver)
      if (code !== 0 || stdout.trim() !== mine.join(','))
        differences.push(`${job.text} ${labels.join(' ')}: ${stdout}${stderr} and not ${mine.join(',')}`)
    }
  }
  await Promise.all(Array.from({ length: concurrency }, work))
  expect(differences).toEqual([])
}, 60_000)
