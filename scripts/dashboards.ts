import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { tierNames } from '../aggregator/influx/options.ts'
import { grafanaFiles } from '../dashboards/grafana/provisioning.ts'

/** `npm run dashboards`: writes a Grafana provisioning folder. Point GF_PATHS_PROVISIONING at it. */
const project = fileURLToPath(new URL('..', import.meta.url))
const values = readFlags()

const { schema } = values
if (schema !== 'default' && schema !== 'withfields') fail(`--schema: ${JSON.stringify(schema)} is neither "default" nor "withfields"`)
const tier = tierNames.find((name) => name === values.tier)
if (tier !== values.tier) fail(`--tier: ${JSON.stringify(values.tier)} is none of ${tierNames.join(', ')}`)
const resolutionSeconds = Number(values['resolution-seconds'])
if (!Number.isInteger(resolutionSeconds) || resolutionSeconds < 1 || resolutionSeconds > 3600)
  fail(`--resolution-seconds: ${JSON.stringify(values['resolution-seconds'])} is not a whole number from 1 to 3600`)
if (!URL.canParse(values.influxdb)) fail(`--influxdb: ${JSON.stringify(values.influxdb)} is not a URL such as http://127.0.0.1:8086`)

const out = resolve(values.out)
const files = grafanaFiles({
  influxdbUrl: values.influxdb,
  database: values.database,
  schema,
  resolutionSeconds,
  ...(tier === undefined ? {} : { tier }),
  dashboardsPath: values['dashboards-path'],
})
for (const [file, text] of files) {
  mkdirSync(dirname(join(out, file)), { recursive: true })
  writeFileSync(join(out, file), text)
  console.log(relative(process.cwd(), join(out, file)))
}

function readFlags() {
  const { help, ...options } = {
    help: { type: 'boolean' },
    out: { type: 'string', default: join(project, 'dashboards/grafana/generated') },
    influxdb: { type: 'string', default: 'http://127.0.0.1:8086' },
    database: { type: 'string', default: 'k8s' },
    schema: { type: 'string', default: 'default' },
    tier: { type: 'string' },
    'resolution-seconds': { type: 'string', default: '5' },
    'dashboards-path': { type: 'string', default: '/etc/grafana/provisioning/dashboards/json' },
  } as const
  const allowed = Object.entries(options).map(([name, option]) => `--${name}${'default' in option ? ` (${option.default})` : ''}`)
  try {
    const { values: given } = parseArgs({ options: { help, ...options } })
    if (given.help !== true) return given
  } catch (error) {
    return fail(`${(error as Error).message}; allowed are ${allowed.join(', ')}`)
  }
  console.log(`npm run dashboards -- [FLAGS]\n\n  ${allowed.join('\n  ')}`)
  return process.exit(0)
}

function fail(message: string): never {
  console.error(message)
  process.exit(2)
}
