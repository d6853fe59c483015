import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { HttpCollector } from '../../../alerts/testing/http-collector.ts'
import { eventually } from '../../support/cluster.ts'
import { startAlerts } from './process-control.ts'
import type { AlertsProcess } from './process-control.ts'

let folder: string
let running: AlertsProcess | undefined
let prometheus: ChildProcess | undefined
let collector: HttpCollector

afterEach(async () => {
  if (prometheus !== undefined) {
    prometheus.kill('SIGKILL')
    await once(prometheus, 'exit')
  }
  await running?.end('SIGTERM')
  await collector.stop()
  rmSync(folder, { recursive: true, force: true })
})

it("Prometheus posts its alerts, and they are told, with an own template's text", async () => {
  folder = mkdtempSync(join(tmpdir(), 'binnacle-prometheus-'))
  collector = new HttpCollector()
  await collector.start()
  const write = (name: string, text: string) => writeFileSync(join(folder, name), text)
  write('own.tmpl', '{{ define "own" }}{{ range .Alerts }}{{ .Labels.team }}: {{ .Annotations.summary | toUpper }}{{ end }}{{ end }}')
  write(
    'alertmanager.yml',
    `route: {receiver: chat, group_wait: 0s}
receivers: [{name: chat, slack_configs: [{api_url: '${collector.url}/hook', text: '{{ template "own" . }}'}]}]
templates: ['*.tmpl']
`,
  )
  running = await startAlerts(join(folder, 'data'), join(folder, 'alertmanager.yml'))
  write(
    'rules.yml',
    `groups: [{name: g, interval: 1s, rules: [{alert: Always, expr: vector(7) > 1, labels: {team: db}, annotations: {summary: 'value {{ $value }}'}}]}]`,
  )
  write(
    'prometheus.yml',
    `global: {evaluation_interval: 1s}
rule_files: [rules.yml]
alerting: {alertmanagers: [{static_configs: [{targets: ['${new URL(running.url).host}']}]}]}
`,
  )
  const flags = [
    `--config.file=${folder}/prometheus.yml`,
    `--storage.tsdb.path=${folder}/tsdb`,
    '--web.listen-address=127.0.0.1:0',
    '--rules.alert.resend-delay=1s',
  ]
  prometheus = spawn('prometheus', flags, { stdio: 'ignore' })
  const request = await eventually('a message', () => Promise.resolve(collector.received[0]), 20_000)
  expect(JSON.parse(request.body)).toMatchObject({
    attachments: [{ title: '[FIRING:1] (Always db)', text: 'db: VALUE 7', color: 'danger' }],
  })
})
