import { gzipSync } from 'node:zlib'
import { Spool } from '../../lib/delivery/spool.ts'

/** Appends one point after the other to the spool in the folder of its argument, and prints a line for each that is on disk. To be killed. */
const spool = new Spool({ dir: process.argv[2]!, maxBytes: 64 << 20, segmentBytes: 2048, now: () => Date.now() })
await spool.open()
const start = Date.now() - 1_000_000
for (let count = 0; ; count++) {
  const body = gzipSync(`cpu/usage_rate,type=pod value=${count}i ${start + count}000000\n`)
  if ((await spool.append({ body, items: 1 })) !== undefined) process.stdout.write(`${count}\n`)
}
