import type { ReceiverKind } from '../../routing/receiver-reader.ts'
import type { Answer } from '../http-integration.ts'
import { describeAnswer } from '../http-integration.ts'
import { truncate } from '../message.ts'
import type { Message } from '../message.ts'
import type { Delivery } from '../notification.ts'
import { jsonHeaders, jsonOf } from './group-hash.ts'

const maxText = 20_000

/** Microsoft Teams' connectors: a message card. */
export const msteamsKind: ReceiverKind = {
  key: 'msteams_configs',
  kind: 'msteams',
  sendResolved: true,
  keys: ['webhook_url', 'webhook_url_file', 'title', 'summary', 'text'],
  read: (fields, reader) => {
    const url = reader.url(fields['webhook_url'], fields['webhook_url_file'], 'webhook_url')
    if (reader.requiredSecret(fields.self, url, 'webhook_url or webhook_url_file') === undefined) return undefined
    const title = reader.text(fields['title'], '{{ template "msteams.default.title" . }}')
    const summary = reader.text(fields['summary'], '{{ template "msteams.default.summary" . }}')
    const text = reader.text(fields['text'], '{{ template "msteams.default.text" . }}')
    return {
      classify,
      compose: (message) => {
        const card = {
          '@context': 'http://schema.org/extensions',
          '@type': 'MessageCard',
          title: message.line(title, 500),
          summary: message.line(summary, 500),
          text: truncate(message.render(text), maxText),
          themeColor: message.isFiring ? '8C1A1A' : '2DC72D',
        }
        return [{ url: message.secret(url!), headers: jsonHeaders, body: jsonOf(card) }]
      },
    }
  },
}

/** Microsoft Teams' workflows: an adaptive card. */
export const msteamsV2Kind: ReceiverKind = {
  key: 'msteamsv2_configs',
  kind: 'msteamsv2',
  sendResolved: true,
  keys: ['webhook_url', 'webhook_url_file', 'title', 'text'],
  read: (fields, reader) => {
    const url = reader.url(fields['webhook_url'], fields['webhook_url_file'], 'webhook_url')
    if (reader.requiredSecret(fields.self, url, 'webhook_url or webhook_url_file') === undefined) return undefined
    const title = reader.text(fields['title'], '{{ template "msteamsv2.default.title" . }}')
    const text = reader.text(fields['text'], '{{ template "msteamsv2.default.text" . }}')
    return {
      classify,
      compose: (message) => {
        const body = adaptiveCard(message, message.line(title, 500), truncate(message.render(text), maxText))
        return [{ url: message.secret(url!), headers: jsonHeaders, body }]
      },
    }
  },
}

function adaptiveCard(message: Message, title: string, text: string): string {
  const block = (more: object) => ({ type: 'TextBlock', wrap: true, ...more })
  return jsonOf({
    type: 'message',
    attachments: [
      {
        contentType: 'application/vnd.microsoft.card.adaptive',
        content: {
          $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
          type: 'AdaptiveCard',
          version: '1.4',
          msteams: { width: 'full' },
          body: [
            block({ text: title, weight: 'Bolder', size: 'Medium', style: 'heading', color: message.isFiring ? 'Attention' : 'Good' }),
            block({ text: text === '' ? title : text }),
          ],
        },
      },
    ],
  })
}

/** Connectors answer 200 for messages that they could not pass on, and name the status in the text. */
function classify(answer: Answer): Delivery | undefined {
  const match = /HTTP error (\d{3})/i.exec(answer.text)
  if (answer.status !== 200 || match === null) return undefined
  const reason = describeAnswer(answer)
  return match[1] === '400' || match[1] === '413' ? { outcome: 'failed', reason } : { outcome: 'retry', reason }
}
