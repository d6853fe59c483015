import { createHmac } from 'node:crypto'
import type { ReceiverKind } from '../../routing/receiver-reader.ts'
import { maxBodyBytes } from '../http-integration.ts'
import { webhookPayload } from '../message.ts'
import type { Message } from '../message.ts'

/**
 * Alertmanager's payload, version 4. Every attempt carries `Idempotency-Key` (the notification's ID), `X-Binnacle-Attempt` and, with a secret,
 * `X-Binnacle-Signature: t=<seconds>,v1=<HMAC-SHA256 of "<seconds>.<body>">`.
 */
export const webhookKind: ReceiverKind = {
  key: 'webhook_configs',
  kind: 'webhook',
  sendResolved: true,
  keys: ['url', 'url_file', 'max_alerts', 'hmac_secret', 'hmac_secret_file'],
  read: (fields, reader) => {
    const url = reader.url(fields['url'], fields['url_file'], 'url')
    if (url === undefined) return reader.document.problem(fields.self, 'url must be an http:// or https:// URL')
    const hmac = reader.secret(fields['hmac_secret'], fields['hmac_secret_file'])
    const maxAlerts = reader.count(fields['max_alerts'], 0)
    return {
      compose: (message) => {
        const body = composeBody(message, maxAlerts)
        const headers = {
          'Content-Type': 'application/json',
          'Idempotency-Key': message.notification.id,
          'X-Binnacle-Attempt': String(message.notification.attempts + 1),
          ...(hmac !== undefined && { 'X-Binnacle-Signature': sign(message.secret(hmac), body, message.now) }),
        }
        return [{ url: message.secret(url), headers, body }]
      },
    }
  },
}

/** Alerts that do not fit are counted in `truncatedAlerts`. */
function composeBody({ notification }: Message, maxAlerts: number): Buffer {
  let count = maxAlerts
  for (;;) {
    const body = Buffer.from(JSON.stringify(webhookPayload(notification, count)))
    const listed = count === 0 ? notification.alerts.length : Math.min(count, notification.alerts.length)
    if (body.length <= maxBodyBytes || listed <= 1) return body
    count = Math.max(Math.floor((listed * maxBodyBytes * 0.9) / body.length), 1)
  }
}

/** `t=<seconds>,v1=<hex>`: the time is signed too, so that an old request cannot be played back later. */
function sign(secret: string, body: Buffer, now: number): string {
  const seconds = Math.floor(now / 1000)
  return `t=${seconds},v1=${createHmac('sha256', secret).update(`${seconds}.`).update(body).digest('hex')}`
}
