import { cpus, totalmem } from 'node:os'
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { measureEncoding } from './aggregator/encoding.ts'
import { measureFleet } from './aggregator/fleet.ts'
import { measureShards } from './aggregator/shards.ts'
import { measureAlertsKills } from './alerts/delivery.ts'
import { measureEvaluation } from './alerts/evaluation.ts'
import { measureAudit } from './apiserver/audit.ts'
import { measureApiServer } from './apiserver/throughput.ts'
import { measureDensity } from './cluster/density.ts'
import { measurePodsAndScaling } from './cluster/pods-and-scaling.ts'
import { measureStartAndIdle } from './cluster/start-and-idle.ts'
import { measureCollector } from './collector/beside-cadvisor.ts'
import { measureScheduler } from './scheduler/scheduling.ts'
import { measureLogEncoding } from './logs/encoding.ts'
import { measureLogSearch } from './logs/search.ts'
import { measureLogCollection } from './logs/throughput.ts'
import type { Measurement } from './measurement.ts'
import { measureNode } from './node/pods.ts'
import { measureLogSoak } from './soak/logs.bench.ts'

/**
 * `npm run bench`: measures everything and rewrites the table of `README.md`. `npm run bench -- NAME …` measures a part and
 * prints it; with `--write` its rows take the place of those of the same name.
 */
const suites: Readonly<Record<string, () => Promise<readonly Measurement[]>>> = {
  cluster: measureStartAndIdle,
  pods: measurePodsAndScaling,
  node: measureNode,
  density: measureDensity,
  apiserver: measureApiServer,
  audit: measureAudit,
  collector: measureCollector,
  alerts: measureEvaluation,
  encoding: measureEncoding,
  'log-encoding': measureLogEncoding,
  fleet: measureFleet,
  logs: async () => [...(await measureLogCollection()), ...(await measureLogSearch())],
  'log-soak': () => measureLogSoak(),
  shards: measureShards,
  'alerts-kills': measureAlertsKills,
  scheduler: () => measureScheduler(),
}

const readme = fileURLToPath(new URL('README.md', import.meta.url))
const marker = '<!-- measured -->'
const arePartsWritten = process.argv.includes('--write')
const wanted = process.argv.slice(2).filter((argument) => argument !== '--write')
const unknown = wanted.find((name) => suites[name] === undefined)
if (unknown !== undefined) throw new Error(`${unknown} is not one of ${Object.keys(suites).join(', ')}`)

const rows: Measurement[] = []
for (const name of wanted.length === 0 ? Object.keys(suites) : wanted) rows.push(...(await suites[name]!()))

const machine = `${cpus().length} cores (${cpus()[0]?.model.trim()}), ${Math.round(totalmem() / 1024 ** 3)} GiB, Node ${process.versions.node}; load generators included`
const lines = new Map(rows.map(({ what, value, peer, aim }) => [what, `| ${what} | ${value} | ${peer ?? ''} | ${aim} |`]))
const tableOf = (body: Iterable<string>) => ['| what | measured | beside | aim |', '|---|---|---|---|', ...body].join('\n')
console.log(`${machine}\n\n${tableOf(lines.values())}`)
if (wanted.length === 0 || arePartsWritten) {
  const [before, measured = '', after] = readFileSync(readme, 'utf8').split(marker)
  const known = measured.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| what '))
  const kept = wanted.length === 0 ? [] : known.map((line) => [line.split(' | ')[0]!.slice(2), line] as const)
  const table = tableOf(new Map([...kept, ...lines]).values())
  writeFileSync(readme, `${before}${marker}\n\nMachine: ${machine}.\n\n${table}\n\n${marker}${after ?? '\n'}`)
}
