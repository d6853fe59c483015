import type { FieldText } from '../../routing/receiver.ts'
import type { ReceiverKind, ReceiverReader } from '../../routing/receiver-reader.ts'
import { isHttpUrl } from '../../routing/receiver-reader.ts'
import type { Field } from '../../../lib/document.ts'
import { cleanText, truncate } from '../message.ts'
import type { Message } from '../message.ts'
import { groupHash, jsonHeaders, jsonOf } from './group-hash.ts'

const maxMessage = 130
const maxDescription = 15_000

/** Opsgenie's alert API. The group is one alert there: `alias` is the hash of its key. */
export const opsgenieKind: ReceiverKind = {
  key: 'opsgenie_configs',
  kind: 'opsgenie',
  sendResolved: true,
  keys: [
    'api_key',
    'api_key_file',
    'api_url',
    'message',
    'description',
    'source',
    'details',
    'entity',
    'responders',
    'actions',
    'tags',
    'note',
    'priority',
    'update_alerts',
  ],
  read: (fields, reader) => {
    const { document, globals } = reader
    const key = reader.requiredSecret(
      fields.self,
      reader.secret(fields['api_key'], fields['api_key_file']) ?? globals.opsgenieKey,
      'api_key, api_key_file or opsgenie_api_key in global',
    )
    const base = document.text(fields['api_url']) ?? globals.opsgenieUrl
    if (!isHttpUrl(base)) document.problem(fields['api_url'] ?? fields.self, 'api_url must be an http:// or https:// URL')
    if (key === undefined || !isHttpUrl(base)) return undefined
    const root = base.endsWith('/') ? base : `${base}/`
    const doesUpdate = document.boolean(fields['update_alerts']) ?? false
    const write = readAlert(fields, reader)
    return {
      isStateful: true,
      compose: (message) => {
        const alias = groupHash(message)
        const headers = { ...jsonHeaders, Authorization: `GenieKey ${message.secret(key)}` }
        const { source, message: title, description, ...alert } = write(message)
        if (!message.isFiring) {
          return [{ url: `${root}v2/alerts/${alias}/close?identifierType=alias`, headers, body: jsonOf({ source }) }]
        }
        const create = { url: `${root}v2/alerts`, headers, body: jsonOf({ alias, source, message: title, description, ...alert }) }
        if (!doesUpdate) return [create]
        const update = (name: string, body: object) => ({
          url: `${root}v2/alerts/${alias}/${name}?identifierType=alias`,
          method: 'PUT',
          headers,
          body: JSON.stringify(body),
        })
        return [create, update('message', { message: title }), update('description', { description })]
      },
    }
  },
}

function readAlert(fields: Readonly<Partial<Record<string, Field>>>, reader: ReceiverReader) {
  const text = (name: string, standard = '') => reader.text(fields[name], standard)
  const texts = {
    message: text('message', '{{ template "opsgenie.default.message" . }}'),
    description: text('description', '{{ template "opsgenie.default.description" . }}'),
    source: text('source', '{{ template "opsgenie.default.source" . }}'),
    entity: text('entity'),
    actions: text('actions'),
    tags: text('tags'),
    note: text('note'),
    priority: text('priority'),
  }
  const details = reader.texts(fields['details'])
  const responders = reader.document.list(fields['responders']).map((item) => {
    const record = reader.document.record(item, ['id', 'name', 'username', 'type'], ['type'])
    return Object.entries(record).map(([name, field]) => [name, reader.text(field)] as const)
  })
  const list = (message: Message, field: FieldText) => {
    const words = message
      .line(field, 1000)
      .split(',')
      .map((word) => word.trim())
    const given = words.filter((word) => word !== '')
    return given.length === 0 ? undefined : given
  }
  return (message: Message) => ({
    message: message.line(texts.message, maxMessage),
    description: truncate(message.render(texts.description), maxDescription),
    source: message.line(texts.source, 100),
    entity: message.line(texts.entity, 512),
    note: truncate(message.render(texts.note), 25_000),
    priority: message.line(texts.priority, 10),
    actions: list(message, texts.actions),
    tags: list(message, texts.tags),
    details: {
      ...Object.fromEntries(Object.entries(message.notification.groupLabels).map(([name, value]) => [name, cleanText(value)])),
      ...Object.fromEntries(Object.entries(details).map(([name, field]) => [name, truncate(message.render(field), 4000)])),
    },
    responders: responders.length === 0 ? undefined : responders.flatMap((responder) => expandTeams(message, responder)),
  })
}

/** `type: teams` names several teams with commas between. */
function expandTeams(message: Message, responder: readonly (readonly [string, FieldText])[]): object[] {
  const fields = Object.fromEntries(responder.map(([name, text]) => [name, message.line(text, 200)]))
  if (fields['type'] !== 'teams') return [fields]
  return (fields['name'] ?? '').split(',').map((name) => ({ type: 'team', name: name.trim() }))
}
