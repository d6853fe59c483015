import { isHeaderName } from '../../routing/receiver-reader.ts'
import type { ReceiverKind } from '../../routing/receiver-reader.ts'

const methods = ['POST', 'PUT', 'PATCH'] as const

/** Anything with an HTTP interface: method, headers and body are templates. */
export const templateKind: ReceiverKind = {
  key: 'template_configs',
  kind: 'template',
  sendResolved: true,
  keys: ['url', 'url_file', 'method', 'headers', 'body'],
  read: (fields, reader) => {
    const { document } = reader
    const url = reader.url(fields['url'], fields['url_file'], 'url')
    if (reader.requiredSecret(fields.self, url, 'url or url_file') === undefined) return undefined
    const method = document.word(fields['method'], methods) ?? 'POST'
    if (fields['body'] === undefined) return document.problem(fields.self, 'body must be given')
    const body = reader.text(fields['body'], '{{ template "email.default.text" . }}')
    const headers = Object.entries(reader.texts(fields['headers']))
    for (const [name] of headers) if (!isHeaderName(name)) document.problem(fields['headers']!, `${name} is not a header name`)
    return {
      compose: (message) => {
        const own = headers.map(([name, text]) => [name, message.line(text, 4000)])
        const id = { 'Idempotency-Key': message.notification.id, 'X-Binnacle-Attempt': String(message.notification.attempts + 1) }
        return [
          {
            url: message.secret(url!),
            method,
            headers: { 'Content-Type': 'text/plain; charset=utf-8', ...id, ...Object.fromEntries(own) },
            body: message.render(body),
          },
        ]
      },
    }
  },
}
