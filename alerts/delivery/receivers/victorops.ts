import type { ReceiverKind } from '../../routing/receiver-reader.ts'
import { isHttpUrl } from '../../routing/receiver-reader.ts'
import { truncate } from '../message.ts'
import { groupHash, jsonHeaders, jsonOf } from './group-hash.ts'

const reserved = new Set([
  'routing_key',
  'message_type',
  'state_message',
  'entity_display_name',
  'monitoring_tool',
  'entity_id',
  'entity_state',
])

/** VictorOps (Splunk On-Call). The group is one incident: `entity_id` is the hash of its key. */
export const victoropsKind: ReceiverKind = {
  key: 'victorops_configs',
  kind: 'victorops',
  sendResolved: true,
  keys: [
    'api_key',
    'api_key_file',
    'api_url',
    'routing_key',
    'message_type',
    'entity_display_name',
    'state_message',
    'monitoring_tool',
    'custom_fields',
  ],
  read: (fields, reader) => {
    const { document, globals } = reader
    const key = reader.requiredSecret(
      fields.self,
      reader.secret(fields['api_key'], fields['api_key_file']) ?? globals.victoropsKey,
      'api_key, api_key_file or victorops_api_key in global',
    )
    if (fields['routing_key'] === undefined) document.problem(fields.self, 'routing_key must be given')
    const base = document.text(fields['api_url']) ?? globals.victoropsUrl
    if (!isHttpUrl(base)) document.problem(fields['api_url'] ?? fields.self, 'api_url must be an http:// or https:// URL')
    const routingKey = reader.text(fields['routing_key'])
    const type = reader.text(fields['message_type'], 'CRITICAL')
    const name = reader.text(fields['entity_display_name'], '{{ template "victorops.default.entity_display_name" . }}')
    const state = reader.text(fields['state_message'], '{{ template "victorops.default.state_message" . }}')
    const tool = reader.text(fields['monitoring_tool'], '{{ template "victorops.default.monitoring_tool" . }}')
    const custom = Object.entries(reader.texts(fields['custom_fields']))
    const clash = custom.find(([field]) => reserved.has(field))
    if (clash !== undefined) document.problem(fields['custom_fields']!, `${clash[0]} is a field of its own`)
    if (key === undefined) return undefined
    return {
      isStateful: true,
      compose: (message) => {
        const path = `${encodeURIComponent(message.secret(key))}/${encodeURIComponent(message.line(routingKey, 200))}`
        const body = {
          message_type: message.isFiring ? message.line(type, 40).toUpperCase() : 'RECOVERY',
          entity_id: groupHash(message),
          entity_display_name: message.line(name, 1000),
          state_message: truncate(message.render(state), 20_480),
          monitoring_tool: message.line(tool, 200),
          ...Object.fromEntries(custom.map(([field, text]) => [field, truncate(message.render(text), 4000)])),
        }
        return [{ url: `${base.replace(/\/?$/, '/')}${path}`, headers: jsonHeaders, body: jsonOf(body) }]
      },
    }
  },
}
