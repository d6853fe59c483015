import type { Field } from '../../../lib/document.ts'
import { parseJson } from '../answer-json.ts'
import { truncate } from '../message.ts'
import type { Message } from '../message.ts'
import type { Answer, OutgoingRequest } from '../http-integration.ts'
import { describeAnswer } from '../http-integration.ts'
import type { Delivery } from '../notification.ts'
import type { FieldText, Secret } from '../../routing/receiver.ts'
import type { Fields, ReceiverKind, ReceiverReader } from '../../routing/receiver-reader.ts'
import { jsonHeaders, jsonOf } from './group-hash.ts'

const maxTitle = 1024
const maxText = 8000

const textDefaults = {
  channel: '',
  message_text: '',
  username: '{{ template "slack.default.username" . }}',
  color: '{{ if eq .Status "firing" }}danger{{ else }}good{{ end }}',
  title: '{{ template "slack.default.title" . }}',
  title_link: '{{ template "slack.default.titlelink" . }}',
  pretext: '{{ template "slack.default.pretext" . }}',
  text: '{{ template "slack.default.text" . }}',
  fallback: '{{ template "slack.default.fallback" . }}',
  callback_id: '{{ template "slack.default.callbackid" . }}',
  icon_emoji: '{{ template "slack.default.iconemoji" . }}',
  icon_url: '{{ template "slack.default.iconurl" . }}',
  image_url: '',
  thumb_url: '',
  footer: '{{ template "slack.default.footer" . }}',
} as const
type TextName = keyof typeof textDefaults

/** Of Slack's Web API, which answers where a message is; incoming webhooks do not. */
const postMethod = /\/chat\.postMessage$/

/** Errors of Slack's that pass. */
const passing = new Set(['ratelimited', 'rate_limited', 'internal_error', 'fatal_error', 'service_unavailable', 'request_timeout'])

/** Slack: an incoming webhook, or `chat.postMessage` with a token in `http_config` or `app_token`. */
export const slackKind: ReceiverKind = {
  key: 'slack_configs',
  kind: 'slack',
  sendResolved: false,
  keys: [
    'api_url',
    'api_url_file',
    'app_token',
    'app_token_file',
    'app_url',
    'short_fields',
    'fields',
    'actions',
    'link_names',
    'mrkdwn_in',
    'update_message',
    'post_updates_to_thread',
    ...Object.keys(textDefaults),
  ],
  read: (fields, reader) => {
    const { url, token } = readPlace(fields, reader)
    if (reader.requiredSecret(fields.self, url, 'api_url, api_url_file or slack_api_url in global') === undefined) return undefined
    const texts = Object.fromEntries(
      Object.entries(textDefaults).map(([name, standard]) => [name, reader.text(fields[name], standard)]),
    ) as unknown as Record<TextName, FieldText>
    const attachment = readAttachment(fields, reader)
    const linkNames = reader.document.boolean(fields['link_names']) ?? false
    const updating = readUpdating(fields, reader, url)
    return {
      classify,
      compose: (message) => {
        const headers = { ...jsonHeaders, ...(token !== undefined && { Authorization: `Bearer ${message.secret(token)}` }) }
        const body = {
          channel: message.line(texts.channel, 200),
          username: message.line(texts.username, 80),
          text: truncate(message.render(texts.message_text, neutralize), maxText),
          icon_emoji: message.line(texts.icon_emoji, 100),
          icon_url: message.line(texts.icon_url, 2000),
          link_names: linkNames ? true : undefined,
          attachments: [{ ...composeAttachment(message, texts), ...attachment(message) }],
        }
        return composeRequests({ url: message.secret(url!), headers, body }, updating, message.notification.replyTo)
      },
    }
  },
}

/** Where to post, and as whom: what a receiver says itself goes before `global`, and no incoming webhook is shown a token of `global`. */
function readPlace(fields: Fields, reader: ReceiverReader): { readonly url: Secret | undefined; readonly token: Secret | undefined } {
  const { slackUrl, slackToken, slackAppUrl } = reader.globals
  const url = reader.url(fields['api_url'], fields['api_url_file'], 'api_url')
  const token = reader.secret(fields['app_token'], fields['app_token_file'])
  const appUrl = reader.url(fields['app_url'], undefined, 'app_url') ?? { text: slackAppUrl }
  if (token !== undefined) return { url: url ?? appUrl, token }
  if (url !== undefined) return { url, token: 'text' in url && postMethod.test(url.text) ? slackToken : undefined }
  return { url: slackUrl ?? (slackToken === undefined ? undefined : appUrl), token: slackToken }
}

/** `<!channel>`, `<@U1>` and `<#C1>` in a label would call people; links stay links. */
function neutralize(text: string): string {
  return text.replaceAll(/<(?=[!@#])/g, '&lt;')
}

function composeAttachment(message: Message, texts: Readonly<Record<TextName, FieldText>>) {
  const line = (name: TextName, max = maxTitle) => message.line(texts[name], max, neutralize)
  return {
    color: line('color'),
    title: line('title'),
    title_link: line('title_link', 2000),
    fallback: line('fallback'),
    callback_id: line('callback_id'),
    image_url: line('image_url', 2000),
    thumb_url: line('thumb_url', 2000),
    footer: line('footer'),
    pretext: truncate(message.render(texts.pretext, neutralize), maxText),
    text: truncate(message.render(texts.text, neutralize), maxText),
  }
}

/** Fields, actions and what is formatted. */
function readAttachment(fields: Fields, reader: ReceiverReader): (message: Message) => Readonly<Record<string, unknown>> {
  const { document } = reader
  const isShortByDefault = document.boolean(fields['short_fields']) ?? false
  const cells = document.list(fields['fields']).map((field) => {
    const cell = document.record(field, ['title', 'value', 'short'], ['title', 'value'])
    return { title: reader.text(cell.title), value: reader.text(cell.value), isShort: document.boolean(cell.short) ?? isShortByDefault }
  })
  const actions = document.list(fields['actions']).map((field) => readAction(field, reader))
  const formatted = fields['mrkdwn_in'] === undefined ? ['fallback', 'pretext', 'text'] : document.texts(fields['mrkdwn_in'])
  return (message) => ({
    mrkdwn_in: formatted,
    ...(cells.length > 0 && {
      fields: cells.map(({ title, value, isShort }) => ({
        title: message.line(title, maxTitle, neutralize),
        value: truncate(message.render(value, neutralize), maxText),
        short: isShort,
      })),
    }),
    ...(actions.length > 0 && { actions: actions.map((action) => action(message)) }),
  })
}

function readAction(field: Field, reader: ReceiverReader): (message: Message) => Readonly<Record<string, unknown>> {
  const { document } = reader
  const action = document.record(field, ['type', 'text', 'url', 'style', 'name', 'value', 'confirm'], ['type', 'text'])
  const names = ['type', 'text', 'url', 'style', 'name', 'value'] as const
  const texts = names.map((name) => [name, reader.text(action[name])] as const)
  const confirm = action.confirm && document.record(action.confirm, ['text', 'title', 'ok_text', 'dismiss_text'], ['text'])
  const confirmTexts = Object.entries(confirm ?? {}).map(([name, member]) => [name, reader.text(member)] as const)
  const render = (message: Message, list: readonly (readonly [string, FieldText])[]) =>
    Object.fromEntries(list.map(([name, text]) => [name, message.line(text, maxTitle, neutralize)]))
  return (message) => ({ ...render(message, texts), ...(confirm !== undefined && { confirm: render(message, confirmTexts) }) })
}

/** What further messages of a group are to the first one. */
interface Updating {
  readonly changes: boolean
  readonly replies: boolean
}

function readUpdating(fields: Fields, reader: ReceiverReader, url: Secret | undefined): Updating {
  const { document } = reader
  const names = ['update_message', 'post_updates_to_thread'] as const
  const [changes = false, replies = false] = names.map((name) => document.boolean(fields[name]) ?? false)
  const isWebApi = url === undefined || !('text' in url) || postMethod.test(url.text)
  for (const name of names) {
    if (document.boolean(fields[name]) === true && !isWebApi)
      document.problem(fields[name]!, `${name} needs api_url to be https://slack.com/api/chat.postMessage: an incoming webhook cannot`)
  }
  return { changes, replies }
}

interface Post {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Readonly<Record<string, unknown>>
}

/** The first message of a group is posted; further ones change it, reply to it, or both, and are posted where it is gone. */
function composeRequests({ url, headers, body }: Post, { changes, replies }: Updating, replyTo: string | undefined): OutgoingRequest[] {
  const post = { url, headers, body: jsonOf(body) }
  const first = replyTo === undefined || !postMethod.test(url) ? undefined : parseJson(replyTo)
  if (first === undefined || !(changes || replies)) return [post]
  const { channel, ts } = first
  const further = (target: string, place: object) => ({
    url: target,
    headers,
    body: jsonOf({ ...body, channel, ...place }),
    otherwise: post,
  })
  return [
    ...(changes ? [further(url.replace(postMethod, '/chat.update'), { ts })] : []),
    ...(replies ? [further(url, { thread_ts: ts })] : []),
  ]
}

/** Slack's API answers 200 with `ok: false` for what it did not do, and says where the message is that it has taken. */
function classify(answer: Answer): Delivery | undefined {
  const body = parseJson(answer.text)
  if (answer.status !== 200) return undefined
  if (body?.['ok'] === true && typeof body['channel'] === 'string' && typeof body['ts'] === 'string') {
    const { channel, ts, message } = body
    const first = (message as { readonly thread_ts?: unknown } | null | undefined)?.thread_ts
    return { outcome: 'delivered', detail: 'HTTP 200', reference: jsonOf({ channel, ts: typeof first === 'string' ? first : ts }) }
  }
  if (body?.['ok'] !== false) return undefined
  const reason = describeAnswer(answer)
  return passing.has(String(body['error'])) ? { outcome: 'retry', reason } : { outcome: 'failed', reason }
}
