import { mkdtempSync, rmSync } from 'node:fs'
import { Agent, request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { auditSettings } from '../../cli/audit.ts'
import { openDataFolder } from '../../cli/data-folder.ts'
import { parseOptions } from '../../cli/options.ts'
import { systemClock } from '../../lib/clock.ts'
import { silentLog } from '../../lib/log.ts'
import { createTestCredentials, startTestServer, type TestServer } from '../../orchestrator/apiserver/testing/test-server.ts'
import { median, type Measurement } from '../measurement.ts'

const clients = 32
const creates = 3000
const rounds = 6
/** Events are written within a quarter of a second. */
const settleMs = 400

interface Spent {
  /** Of the thread that serves, and of the whole process with its pool, µs per create. */
  readonly thread: number
  readonly all: number
}

/** What the audit log costs a create: the same creates on a server with and one without it, in turn, in CPU time. Both are in this process, with their client. */
export async function measureAudit(): Promise<Measurement[]> {
  const dataDir = mkdtempSync(join(tmpdir(), 'binnacle-bench-'))
  const credentials = await createTestCredentials()
  const options = parseOptions([`--data-dir=${dataDir}`])
  const audit = auditSettings({ options, folder: openDataFolder(dataDir), clock: systemClock, log: silentLog })!
  const [silent, audited] = [await startTestServer(credentials), await startTestServer(credentials, { audit })]
  try {
    const spent = { silent: [] as Spent[], audited: [] as Spent[] }
    // The first round is for the compiler.
    for (let round = 0; round <= rounds; round++) {
      for (const [own, server] of [
        [spent.silent, silent],
        [spent.audited, audited],
      ] as const) {
        const result = await measureCreates(server, round)
        if (round > 0) own.push(result)
      }
    }
    const of = (name: keyof Spent) =>
      [median(spent.silent.map((each) => each[name])), median(spent.audited.map((each) => each[name]))] as const
    const [[thread, threadAudited], [all, allAudited]] = [of('thread'), of('all')]
    return [
      {
        what: 'audit log, of a create over HTTPS: CPU of the thread, of the process',
        value: `${(threadAudited - thread).toFixed(1)} µs, ${(allAudited - all).toFixed(1)} µs`,
        peer: `the create and its client ${thread.toFixed(0)} µs, ${all.toFixed(0)} µs; ratio ${(allAudited / all).toFixed(2)}`,
        aim: '≤ 10 %',
      },
    ]
  } finally {
    await silent.stop()
    await audited.stop()
    rmSync(dataDir, { recursive: true, force: true })
  }
}

async function measureCreates({ server, credentials }: TestServer, round: number): Promise<Spent> {
  const agent = new Agent({ ca: credentials.ca.cert, ...credentials.admin, keepAlive: true, maxSockets: clients })
  const { host, port } = server.address
  const create = (index: number) =>
    new Promise<void>((resolve, reject) => {
      const metadata = { name: `bench-${round}-${index}` }
      const body = JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { text: 'x'.repeat(700) } })
      const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
      const path = '/api/v1/namespaces/default/configmaps'
      const sent = request({ agent, host, port, method: 'POST', path, headers }, (response) => {
        response.resume()
        response.on('end', () => (response.statusCode === 201 ? resolve() : reject(new Error(`create: ${response.statusCode}`))))
      })
      sent.on('error', reject)
      sent.end(body)
    })
  const [thread, all] = [process.threadCpuUsage(), process.cpuUsage()]
  let next = 0
  const client = async () => {
    while (next < creates) await create(next++)
  }
  await Promise.all(Array.from({ length: clients }, client))
  await systemClock.sleep(settleMs)
  const [threadSpent, allSpent] = [process.threadCpuUsage(thread), process.cpuUsage(all)]
  agent.destroy()
  return { thread: (threadSpent.user + threadSpent.system) / creates, all: (allSpent.user + allSpent.system) / creates }
}
