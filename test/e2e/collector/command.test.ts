import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request, type RequestOptions } from 'node:https'
import { createSocket } from 'node:dgram'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { parseExposition } from '../../../collector/prometheus/strict-parser.ts'
import { systemClock } from '../../../lib/clock.ts'
import { createAuthority, issueCertificate } from '../../../lib/pki.ts'
import { createInfluxServer } from '../influx-server.ts'
import { execute, type Outcome } from '../../support/cluster.ts'
import { DockerHost, eventually } from './docker-host.ts'

const main = fileURLToPath(new URL('../../../cli/main.ts', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'binnacle-e2e-command-'))
const host = new DockerHost()
const children: ChildProcess[] = []

beforeAll(() => host.prepare())
afterEach(async () => {
  await Promise.all(children.splice(0).map((child) => end(child)))
  await host.dispose()
})
afterAll(async () => {
  await host.removeImage()
  rmSync(folder, { recursive: true, force: true })
})

function end(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null) return Promise.resolve(child.exitCode)
  return new Promise((resolve) => {
    child.once('exit', (code) => resolve(code))
    child.kill('SIGINT')
  })
}

interface Running {
  readonly child: ChildProcess
  readonly address: string
  readonly output: () => string
}

/** The real command on a free port. */
async function run(...flags: readonly string[]): Promise<Running> {
  const child = spawn(process.execPath, [main, 'collector', '--port=0', '--logs=false', ...flags], { stdio: ['ignore', 'pipe', 'pipe'] })
  children.push(child)
  let log = ''
  let output = ''
  child.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()))
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  const address = await eventually('the address', () => {
    if (child.exitCode !== null) throw new Error(log)
    return /"addresses":\["([^"]+)"/.exec(log)?.[1]
  })
  return { child, address, output: () => output }
}

const refuse = (...flags: readonly string[]) => execute(process.execPath, [main, 'collector', ...flags])

function file(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text, { mode: 0o600 })
  return path
}

test.each([
  [['--nonsense=1'], /^binnacle: --nonsense is not a flag; allowed are --port, /],
  [['--port=http'], /^binnacle: --port: "http" is not allowed: allowed are whole numbers from 0 to 65535$/],
  [['--housekeeping_interval=1'], /^binnacle: --housekeeping-interval: "1" is not allowed: allowed are durations/],
  [['--disable_metrics=cpu,gpu'], /^binnacle: --disable-metrics: "cpu,gpu" is not allowed: allowed are cpu, percpu, /],
  [['--storage_driver=kafka'], /^binnacle: --storage-driver: "kafka" is not allowed: allowed are stdout, influxdb, statsd, elasticsearch$/],
  [['--storage-driver-host=a,b'], /^binnacle: --storage-driver-host: 2 addresses are not allowed for 0 storage drivers/],
  [['--listen-ip=0.0.0.0'], /^binnacle: --listen-ip: .*neither TLS nor a bearer token is configured/],
  [['--token-file=/nowhere'], /^binnacle: --token-file: "\/nowhere" can not be read: ENOENT$/],
  [['--tls-cert=/dev/null'], /^binnacle: --tls-cert and --tls-key need each other$/],
])('%j ends with one line that says what is allowed, and exit code 2', async (flags, line) => {
  const { code, stdout, stderr } = await refuse(...flags)
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  expect(stderr.trim().split('\n')).toHaveLength(1)
  expect(stderr.trim()).toMatch(line)
})

test('cAdvisor’s own command line works, help is there, and Ctrl-C ends it cleanly', { timeout: 60_000 }, async () => {
  const { child, address } = await run('-logtostderr', '--housekeeping_interval=500ms', '-docker_only', '--url_base_prefix=/metering')
  expect((await fetch(`${address}/healthz`)).status).toBe(404)
  expect(await (await fetch(`${address}/metering/healthz`)).text()).toBe('ok')
  await eventually('a scrape', async () => {
    const samples = parseExposition(await (await fetch(`${address}/metering/metrics`)).text())
    return samples.some(({ name, labels }) => name === 'container_cpu_usage_seconds_total' && labels['id'] === '/') ? true : undefined
  })
  expect(await end(child)).toBe(0)
  const help = await refuse('--help')
  expect(help.code).toBe(0)
  expect(help.stdout).toContain('--env-metadata-whitelist')
})

/** Runs a program with text on standard input. */
function check(page: string): Promise<Outcome> {
  return execute('promtool', ['check', 'metrics'], { input: page })
}

test('promtool has nothing to say of the page, with everything on and hostile labels', { timeout: 60_000 }, async () => {
  const evil = 'a"b\\c\nd} 1'
  await host.run('evil', 'sleep 1000', {
    Labels: { [evil]: evil, 'com.docker.compose.project': evil },
    Env: ['PATH=/bin', 'APP_V=1', 'KEY=x'],
  })
  for (const flags of [['--rates'], ['--store-container-labels'], ['--disable-metrics=app', '--env-metadata-whitelist=APP_']]) {
    const { address, child } = await run(...flags)
    const page = await eventually('the container', async () => {
      const text = await (await fetch(`${address}/metrics`)).text()
      return text.includes('-evil"') ? text : undefined
    })
    // With the labels of everybody's containers on every series, their spelling is not ours.
    if (flags[0] !== '--store-container-labels') expect(await check(page)).toMatchObject({ code: 0, stdout: '', stderr: '' })
    const samples = parseExposition(page)
    const info = samples.find(({ name, labels }) => name === 'container_info' && labels['name']?.endsWith('-evil'))
    expect(info?.labels['container_label_com_docker_compose_project']).toBe(evil)
    expect(page).not.toContain('container_env_key')
    expect(info?.labels['container_env_app_v']).toBe(flags.length === 2 ? '1' : undefined)
    const usage = samples.find(({ name, labels }) => name === 'container_memory_usage_bytes' && labels['name']?.endsWith('-evil'))
    expect(Object.values(usage!.labels).includes(evil)).toBe(flags[0] === '--store-container-labels')
    await end(child)
  }
})

function statusOf(url: string, options: RequestOptions): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    request(url, options, (response) => {
      response.resume()
      resolve(response.statusCode)
    })
      .on('error', reject)
      .end()
  })
}

test('with TLS, a token and a client authority, every path asks for either; the token is in no log', { timeout: 60_000 }, async () => {
  const now = systemClock.now()
  const authority = await createAuthority('collector-ca', now)
  const serving = await issueCertificate(authority, { commonName: 'collector', hosts: ['127.0.0.1'], isServer: true, now })
  const client = await issueCertificate(authority, { commonName: 'monitor', isClient: true, now })
  const { address } = await run(
    '--listen-ip=127.0.0.1',
    `--tls-cert=${file('cert', serving.cert)}`,
    `--tls-key=${file('key', serving.key)}`,
    `--client-ca=${file('ca', authority.cert)}`,
    `--token-file=${file('token', 'open-sesame\n')}`,
  )
  const ca = authority.cert
  const paths = [
    '/',
    '/metrics',
    '/metrics/cadvisor',
    '/metrics/resource',
    '/stats/summary',
    '/healthz',
    '/validate/',
    '/api/v1.3/machine',
    '/nowhere',
  ]
  for (const path of paths) {
    const granted = path === '/nowhere' ? 404 : 200
    expect(await statusOf(address + path, { ca })).toBe(401)
    expect(await statusOf(address + path, { ca, headers: { authorization: 'Bearer open-sesam' } })).toBe(401)
    expect(await statusOf(address + path, { ca, headers: { authorization: 'Bearer open-sesame' } })).toBe(granted)
    expect(await statusOf(address + path, { ca, cert: client.cert, key: client.key })).toBe(granted)
  }
})

test(
  'storage drivers: a real InfluxDB has the figures under cAdvisor’s names, StatsD and standard output too',
  { timeout: 90_000 },
  async () => {
    const influx = await createInfluxServer()
    await influx.start()
    const statsd = createSocket('udp4')
    let datagrams = ''
    statsd.on('message', (message) => (datagrams += message.toString()))
    await new Promise<void>((resolve) => statsd.bind(0, '127.0.0.1', resolve))
    try {
      const container = await host.run('sink', 'sleep 1000')
      const name = (await container.inspect()).Name.slice(1)
      const { output } = await run(
        '--storage-driver=influxdb,statsd,stdout',
        `--storage-driver-host=${new URL(influx.url).host},127.0.0.1:${statsd.address().port}`,
        '--storage-driver-buffer-duration=1s',
      )
      const ask = async (query: string) => {
        const answer = await fetch(`${influx.url}/query?${new URLSearchParams({ db: 'cadvisor', q: query }).toString()}`)
        return ((await answer.json()) as { results: { series?: { values: unknown[][] }[] }[] }).results[0]?.series?.[0]?.values
      }
      const values = await eventually('points', async () => {
        const found = await ask(`SELECT value FROM memory_usage WHERE container_name = '${name}'`)
        return (found?.length ?? 0) >= 3 ? found : undefined
      })
      expect(values.every(([, value]) => typeof value === 'number' && value > 0)).toBe(true)
      const measurements = (await ask('SHOW MEASUREMENTS'))!.flat()
      for (const wanted of ['cpu_usage_total', 'memory_failure', 'rx_bytes', 'rx_packets', 'tasks']) expect(measurements).toContain(wanted)
      expect(await ask(`SHOW SERIES FROM memory_usage WHERE container_name = '${name}'`)).toEqual([
        [`memory_usage,container_name=${name},machine=${hostname()}`],
      ])
      await eventually('a gauge', () => (datagrams.includes(`cadvisor.${name}.cpu_usage_total:`) ? true : undefined))
      await eventually('a line', () => (output().includes(`cName=${name} host=`) ? true : undefined))
    } finally {
      statsd.close()
      await influx.remove()
    }
  },
)
