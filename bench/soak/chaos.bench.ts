import { causeChaos } from '../../test/support/chaos.ts'

/** `node bench/soak/chaos.bench.ts [MINUTES [SEED]]`: kills everything at random while workloads run, 20 minutes by default. */
const [minutes = '20', seed = '1'] = process.argv.slice(2)
const report = await causeChaos({ minutes: Number(minutes), seed: Number(seed), networkIndex: 136, print: (line) => console.log(line) })
console.log(report)
process.exitCode = report.wrong.length === 0 ? 0 : 1
