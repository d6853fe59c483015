import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { messageData } from '../../../alerts/delivery/message-data.ts'
import { webhookPayload } from '../../../alerts/delivery/message.ts'
import type { Notification } from '../../../alerts/delivery/notification.ts'
import { TemplateSet } from '../../../alerts/template/template-set.ts'
import { sampleNotification } from '../../../alerts/testing/sample-notification.ts'
import { execute } from '../../support/cluster.ts'

const second = {
  ...sampleNotification.alerts[0]!,
  status: 'resolved' as const,
  labels: { alertname: 'PodRestarting', pod: `it's <b> & "quoted"`, zone: 'é\n2' },
  endsAt: Date.UTC(2030, 0, 1, 2, 3, 4),
}
const notification: Notification = { ...sampleNotification, alerts: [...sampleNotification.alerts, second] }

const definitions = `{{ define "greet" }}Hello {{ . }}{{ end }}
{{ define "list" }}{{ range . }}[{{ .Status }} {{ template "greet" .Labels.pod }}]{{ end }}{{ end }}
{{ define "deep" }}{{ if gt (len .) 1 }}{{ slice . 0 1 }}{{ template "deep" (slice . 1) }}{{ else }}{{ . }}!{{ end }}{{ end }}`

/** Texts as people write them, and a few that nobody should. */
const texts = [
  '{{ .Status }} {{ .Receiver }} {{ .ExternalURL }}',
  '{{ .Alerts | len }} {{ len .Alerts.Firing }} {{ len .Alerts.Resolved }}',
  '[{{ .Status | toUpper }}{{ if eq .Status "firing" }}:{{ .Alerts.Firing | len }}{{ end }}]',
  '{{ range .Alerts }}{{ .Labels.alertname }}/{{ .Labels.missing }}/{{ .Annotations.summary }};{{ end }}',
  '{{ range $i, $a := .Alerts }}{{ $i }}:{{ $a.Fingerprint }} {{ end }}',
  '{{ range $k, $v := .CommonLabels }}{{ $k }}={{ $v }},{{ end }}',
  '{{ range .CommonLabels.SortedPairs }}{{ .Name }}={{ .Value }},{{ end }}',
  '{{ .GroupLabels.SortedPairs.Values | join " " }} {{ .CommonLabels.Names }} {{ .CommonLabels.Values }}',
  '{{ with .CommonLabels.Remove .GroupLabels.Names }}{{ . }}{{ else }}none{{ end }}',
  '{{ (index .Alerts 0).Labels.SortedPairs }} {{ index (index .Alerts 1).Labels "zone" }}',
  '{{ .CommonAnnotations }} {{ .GroupLabels }} {{ .CommonLabels.SortedPairs.Names }}',
  '{{ template "list" .Alerts }} {{ template "deep" "abcd" }}',
  '{{ range .Alerts }}{{ .StartsAt.Format "2006-01-02T15:04:05Z07:00" }} {{ .StartsAt.Unix }} {{ .EndsAt.Year }} {{ .StartsAt.Weekday }} {{ end }}',
  '{{ (index .Alerts 0).StartsAt }} {{ ((index .Alerts 1).EndsAt.Sub (index .Alerts 1).StartsAt) }}',
  '{{ reReplaceAll "(.*)-(\\\\d)" "$2-$1-${1}" "web-1" }} {{ match "^we" "web" }} {{ title "one two-three" }}',
  '{{ stringSlice "a" "b" | join "+" }} {{ toLower "ABC" }}{{ "x" | printf "%s|%5s|%-5s|%q" "y" "z" "w" }}',
  '{{ printf "%d %05d %x %.2f %v %t %c %%" 42 42 255 1.5 true false 65 }} {{ print 1 2 "a" "b" 3 }} {{ println "x" 1 }}',
  '{{ and 1 0 }} {{ or 0 "x" }} {{ not 0 }} {{ eq 1 1 }} {{ ne "a" "b" }} {{ lt 1 2 }} {{ ge 2 3 }} {{ eq .Status "x" "firing" }}',
  '{{ $x := 1 }}{{ if true }}{{ $x = 2 }}{{ $y := 3 }}{{ $y }}{{ end }}{{ $x }}',
  '{{ range .Alerts }}{{ if eq .Status "resolved" }}{{ break }}{{ end }}{{ .Status }}{{ else }}none{{ end }}',
  '{{ range .Alerts }}{{ if eq .Status "firing" }}{{ continue }}{{ end }}{{ .Status }}{{ end }}',
  'a {{- " b " -}} c {{/* comment */ -}} d {{- /* another */}} e',
  '{{ with $p := .CommonLabels.alertname }}{{ $p }}{{ $.Status }}{{ end }}',
  '{{ if .CommonLabels.none }}a{{ else if eq .Status "firing" }}b{{ else }}c{{ end }}',
  '{{ html "<a href=\\"x\\">" }} {{ urlquery "a b&c/é" }} {{ len "é" }} {{ index "abc" 1 }} {{ slice "abcdef" 1 3 }}',
  '{{ "quoted \\t \\u00e9 \\x41" }} {{ `raw\\n` }} {{ 1.50 }} {{ 1e3 }} {{ 0x10 }} {{ -5 }} {{ true }}',
  '{{ define "inner" }}i{{ . }}{{ end }}{{ template "inner" 3 }}{{ block "blocked" .Status }}<{{ . }}>{{ end }}',
  '{{ len .CommonLabels }}{{ range $i, $c := stringSlice "x" "y" }}{{ if $i }}, {{ end }}{{ $c }}{{ end }}',
  `{{ range .Alerts }}{{ range .Labels.SortedPairs }}
  - {{ .Name }}: {{ .Value }}
{{- end }}{{ end }}`,
]

const htmlTexts = [
  '<p>{{ (index .Alerts 1).Labels.pod }}</p>',
  '<b>{{ "<i>" | safeHtml }}</b>',
  '<a href="{{ .ExternalURL }}">x</a>',
  '{{ range .Alerts }}<td>{{ .Annotations.summary }}</td>{{ end }}',
]

const broken = [
  '{{ .Nothing }}',
  '{{ nothing }}',
  '{{ if }}',
  '{{ range .Alerts }}',
  '{{ template "none" . }}',
  '{{ index .Alerts 9 }}',
  '{{ eq 1 "a" }}',
  '{{ .Status.Deeper }}',
  '{{ $x }}',
]

let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'binnacle-templates-'))
  writeFileSync(join(folder, 'a.tmpl'), definitions)
  writeFileSync(join(folder, 'data.json'), JSON.stringify(webhookPayload(notification, 0)))
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** What amtool makes of a text; `undefined` where it refuses it. */
async function theirs(text: string, type = 'text'): Promise<string | undefined> {
  const flags = [
    `--template.glob=${folder}/*.tmpl`,
    `--template.data=${folder}/data.json`,
    `--template.type=${type}`,
    `--template.text=${text}`,
  ]
  const { stdout, code } = await execute('amtool', ['template', 'render', ...flags])
  return code === 0 ? stdout : undefined
}

function ours(text: string, mode: 'text' | 'html' = 'text'): string | undefined {
  try {
    const set = new TemplateSet()
    set.add('a.tmpl', definitions)
    return set.compile(text, mode).render(messageData(notification), Date.now())
  } catch {
    return undefined
  }
}

describe('templates', () => {
  it.each(texts)('%j says the same as in amtool', async (text) => {
    const expected = await theirs(text)
    expect(expected).toBeDefined()
    expect(ours(text)).toBe(expected)
  })

  it.each(htmlTexts)('%j says the same as in amtool, as HTML', async (text) => {
    expect(ours(text, 'html')).toBe(await theirs(text, 'html'))
  })

  it.each(broken)('%j is refused by both', async (text) => {
    expect([ours(text), await theirs(text)]).toEqual([undefined, undefined])
  })
})
