import type { FieldText } from '../../routing/receiver.ts'
import type { ReceiverKind } from '../../routing/receiver-reader.ts'
import { isHttpUrl } from '../../routing/receiver-reader.ts'
import { truncate } from '../message.ts'
import type { Message } from '../message.ts'
import { groupHash, jsonHeaders, jsonOf } from './group-hash.ts'

const maxSummary = 1024
const maxBodyBytes = 500_000
const severities = new Set(['critical', 'error', 'warning', 'info'])

const detailDefaults = {
  firing: '{{ template "pagerduty.default.instances" .Alerts.Firing }}',
  resolved: '{{ template "pagerduty.default.instances" .Alerts.Resolved }}',
  num_firing: '{{ len .Alerts.Firing }}',
  num_resolved: '{{ len .Alerts.Resolved }}',
} as const

/** PagerDuty's Events API v2. The group is one incident: `dedup_key` is the hash of its key. */
export const pagerdutyKind: ReceiverKind = {
  key: 'pagerduty_configs',
  kind: 'pagerduty',
  sendResolved: true,
  keys: [
    'routing_key',
    'routing_key_file',
    'url',
    'client',
    'client_url',
    'description',
    'severity',
    'source',
    'class',
    'component',
    'group',
    'details',
    'images',
    'links',
    'service_key',
    'service_key_file',
  ],
  read: (fields, reader) => {
    const { document } = reader
    for (const name of ['service_key', 'service_key_file']) {
      if (fields[name] !== undefined)
        document.problem(fields[name], `${name} is of the Events API v1, which is not supported: use routing_key`)
    }
    const key = reader.requiredSecret(
      fields.self,
      reader.secret(fields['routing_key'], fields['routing_key_file']),
      'routing_key or routing_key_file',
    )
    const url = document.text(fields['url']) ?? reader.globals.pagerdutyUrl
    if (!isHttpUrl(url)) document.problem(fields['url'] ?? fields.self, 'url must be an http:// or https:// URL')
    if (key === undefined) return undefined
    const text = (name: string, standard = '') => reader.text(fields[name], standard)
    const client = text('client', '{{ template "pagerduty.default.client" . }}')
    const texts = {
      description: text('description', '{{ template "pagerduty.default.description" . }}'),
      severity: text('severity', 'error'),
      clientUrl: text('client_url', '{{ template "pagerduty.default.clientURL" . }}'),
      source: fields['source'] === undefined ? client : text('source'),
      class: text('class'),
      component: text('component'),
      group: text('group'),
    }
    const details = {
      ...Object.fromEntries(Object.entries(detailDefaults).map(([name, standard]) => [name, reader.text(undefined, standard)])),
      ...reader.texts(fields['details']),
    }
    const lists = { images: ['src', 'href', 'alt'], links: ['href', 'text'] } as const
    const [images, links] = (['images', 'links'] as const).map((name) =>
      document.list(fields[name]).map((item) => {
        const record = document.record(item, lists[name])
        return Object.entries(record).map(([member, field]) => [member, reader.text(field)] as const)
      }),
    )
    const compose = (message: Message) => ({
      routing_key: message.secret(key),
      dedup_key: groupHash(message),
      event_action: message.isFiring ? 'trigger' : 'resolve',
      client: message.line(client, maxSummary),
      client_url: message.line(texts.clientUrl, 2000),
      images: renderList(message, images!),
      links: renderList(message, links!),
      payload: {
        summary: message.line(texts.description, maxSummary),
        source: message.line(texts.source, maxSummary) || 'binnacle',
        severity: severityOf(message.line(texts.severity, 20)),
        class: message.line(texts.class, maxSummary),
        component: message.line(texts.component, maxSummary),
        group: message.line(texts.group, maxSummary),
        custom_details: Object.fromEntries(Object.entries(details).map(([name, field]) => [name, message.render(field)])),
      },
    })
    return { isStateful: true, compose: (message) => [{ url, headers: jsonHeaders, body: fit(compose(message)) }] }
  },
}

/** PagerDuty takes four words only. */
function severityOf(text: string): string {
  const word = text.trim().toLowerCase()
  return severities.has(word) ? word : 'error'
}

function renderList(message: Message, items: readonly (readonly (readonly [string, FieldText])[])[]): object[] | undefined {
  if (items.length === 0) return undefined
  return items.map((item) => Object.fromEntries(item.map(([name, text]) => [name, message.line(text, 2000)])))
}

/** An event may have half a megabyte: longer details are cut, and say so. */
function fit(event: { readonly payload: { readonly custom_details: Readonly<Record<string, string>> } }): string {
  const body = jsonOf(event)
  if (Buffer.byteLength(body) <= maxBodyBytes) return body
  const entries = Object.entries(event.payload.custom_details)
  const share = Math.floor(maxBodyBytes / 8 / Math.max(entries.length, 1))
  const details = Object.fromEntries(entries.map(([name, value]) => [name, truncate(value, share)]))
  return jsonOf({ ...event, payload: { ...event.payload, custom_details: details } })
}
