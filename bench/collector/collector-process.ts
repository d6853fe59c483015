/** A collector alone in its process, for the benchmark: prints its address, ends on SIGTERM. */
import { createCollector } from '../../collector/app.ts'
import { systemClock } from '../../lib/clock.ts'
import { createLog } from '../../lib/log.ts'

const collector = createCollector({
  clock: systemClock,
  log: createLog({ level: 'error', component: 'collector' }),
  nodeName: 'bench',
  docker: { socket: process.argv[2] ?? '/var/run/docker.sock' },
  port: 0,
})
await collector.start()
console.log(collector.address)
process.once('SIGTERM', () => {
  void collector.stop().then(() => process.exit(0))
})
