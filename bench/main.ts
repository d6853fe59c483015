import { cpus, totalmem } from 'node:os'
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { measureEncoding } from './aggregator/encoding.ts'
import { measureFleet } from './aggregator/fleet.ts'
import { measureShards } from './aggregator/shards.ts'
import { measureApiServer } from './apiserver/throughput.ts'
import { measurePodsAndScaling } from './cluster/pods-and-scaling.ts'
import { measureStartAndIdle } from './cluster/start-and-idle.ts'
import { measureCollector } from './collector/beside-cadvisor.ts'
import type { Measurement } from './measurement.ts'

/** `npm run bench`: measures everything and rewrites the table of `README.md`. `npm run bench -- NAME …` measures a part and prints it. */
const suites: Readonly<Record<string, () => Promise<readonly Measurement[]>>> = {
  cluster: measureStartAndIdle,
  pods: measurePodsAndScaling,
  apiserver: measureApiServer,
  collector: measureCollector,
  encoding: measureEncoding,
  fleet: measureFleet,
  shards: measureShards,
}

const readme = fileURLToPath(new URL('README.md', import.meta.url))
const marker = '<!-- measured -->'
const wanted = process.argv.slice(2)
const unknown = wanted.find((name) => suites[name] === undefined)
if (unknown !== undefined) throw new Error(`${unknown} is not one of ${Object.keys(suites).join(', ')}`)

const rows: Measurement[] = []
for (const name of wanted.length === 0 ? Object.keys(suites) : wanted) rows.push(...(await suites[name]!()))

const machine = `${cpus().length} cores (${cpus()[0]?.model.trim()}), ${Math.round(totalmem() / 1024 ** 3)} GiB, Node ${process.versions.node}; load generators included`
const table = [
  '| what | measured | beside | aim |',
  '|---|---|---|---|',
  ...rows.map(({ what, value, peer, aim }) => `| ${what} | ${value} | ${peer ?? ''} | ${aim} |`),
].join('\n')
console.log(`${machine}\n\n${table}`)
if (wanted.length === 0) {
  const [before, , after] = readFileSync(readme, 'utf8').split(marker)
  writeFileSync(readme, `${before}${marker}\n\nMachine: ${machine}.\n\n${table}\n\n${marker}${after ?? '\n'}`)
}
