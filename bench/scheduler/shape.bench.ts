import { measureScheduler } from './scheduling.ts'

// `node bench/scheduler/shape.bench.ts [SHAPE …]` measures some shapes; with `node --cpu-prof` it says where the time goes.
console.table(await measureScheduler(process.argv.slice(2)))
process.exit(0)
