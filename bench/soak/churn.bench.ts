import { soak } from '../../test/support/soak.ts'

/** `node bench/soak/churn.bench.ts [MINUTES [FLAG …]]`: 100 containers starting and stopping per minute on Docker, 30 minutes by default. */
const [minutes = '30', ...flags] = process.argv.slice(2)
const report = await soak({
  minutes: Number(minutes),
  containersPerMinute: 100,
  networkIndex: 37,
  flags,
  print: (line) => console.log(line),
})
console.log(`${report.minutes.toFixed(1)} minutes, ${report.containersStarted} containers started, ${report.containersStopped} stopped`)
for (const { name, earlyMb, lateMb, peakMb, mbPerHour, restarts } of report.processes)
  console.log(
    `${name}: ${earlyMb.toFixed(0)} MB early, ${lateMb.toFixed(0)} MB late, peak ${peakMb.toFixed(0)} MB, ${mbPerHour.toFixed(1)} MB/h, ${restarts} restarts`,
  )
