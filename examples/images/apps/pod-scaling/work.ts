import { createHash } from 'node:crypto'

/** Keeps the processor busy until this thread's process has used `milliseconds` more of it; gives how many rounds that took. */
export function burnCpu(milliseconds: number): number {
  const start = process.cpuUsage()
  let digest = Buffer.alloc(32)
  let rounds = 0
  for (;;) {
    for (let i = 0; i < 50; i++) digest = createHash('sha256').update(digest).digest()
    rounds += 50
    const { user, system } = process.cpuUsage(start)
    if (user + system >= milliseconds * 1000) return rounds
  }
}
