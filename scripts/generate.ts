import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { renderMetricsDocument } from '../aggregator/metrics-document.ts'

/** `npm run generate`: everything that is committed and made from something else. */
const project = fileURLToPath(new URL('..', import.meta.url))

for (const script of ['orchestrator/api/generate/main.ts', 'scripts/dashboards.ts']) {
  const { status } = spawnSync(process.execPath, [`${project}${script}`], { cwd: project, stdio: 'inherit' })
  if (status !== 0) process.exit(status ?? 1)
}
writeFileSync(`${project}docs/metrics.md`, renderMetricsDocument())
