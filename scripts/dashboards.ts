import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { grafanaFiles } from '../dashboards/grafana/provisioning.ts'

/** `npm run dashboards`: writes a Grafana provisioning folder. Point GF_PATHS_PROVISIONING at it. */
const project = fileURLToPath(new URL('..', import.meta.url))
const { values } = parseArgs({
  options: {
    out: { type: 'string', default: join(project, 'dashboards/grafana/generated') },
    influxdb: { type: 'string', default: 'http://127.0.0.1:8086' },
    database: { type: 'string', default: 'k8s' },
    'dashboards-path': { type: 'string', default: '/etc/grafana/provisioning/dashboards/json' },
  },
})

const out = resolve(values.out)
const files = grafanaFiles({
  influxdbUrl: values.influxdb,
  database: values.database,
  resolutionSeconds: 5,
  dashboardsPath: values['dashboards-path'],
})
for (const [file, text] of files) {
  mkdirSync(dirname(join(out, file)), { recursive: true })
  writeFileSync(join(out, file), text)
  console.log(relative(process.cwd(), join(out, file)))
}
