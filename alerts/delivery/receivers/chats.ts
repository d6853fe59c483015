import type { ReceiverKind } from '../../routing/receiver-reader.ts'
import { parseRetryAfter, describeAnswer } from '../http-integration.ts'
import type { Answer } from '../http-integration.ts'
import { parseJson } from '../answer-json.ts'
import { truncate } from '../message.ts'
import type { Delivery } from '../notification.ts'
import { jsonHeaders, jsonOf } from './group-hash.ts'

/** `@everyone` and `<@1>` in a label would call people. */
function withoutMentions(text: string): string {
  return text.replaceAll('@', '@\u200B')
}

/** Discord: an embed through a webhook. */
export const discordKind: ReceiverKind = {
  key: 'discord_configs',
  kind: 'discord',
  sendResolved: true,
  keys: ['webhook_url', 'webhook_url_file', 'content', 'title', 'message', 'username', 'avatar_url'],
  read: (fields, reader) => {
    const url = reader.url(fields['webhook_url'], fields['webhook_url_file'], 'webhook_url')
    if (reader.requiredSecret(fields.self, url, 'webhook_url or webhook_url_file') === undefined) return undefined
    const content = reader.text(fields['content'], '{{ template "discord.default.content" . }}')
    const title = reader.text(fields['title'], '{{ template "discord.default.title" . }}')
    const text = reader.text(fields['message'], '{{ template "discord.default.message" . }}')
    const [username, avatarUrl] = [reader.text(fields['username']), reader.text(fields['avatar_url'])]
    return {
      classify: classifyLimited,
      compose: (message) => {
        const embed = {
          title: message.line(title, 256, withoutMentions),
          description: truncate(message.render(text, withoutMentions), 4096),
          color: message.isFiring ? 0x992d22 : 0x2ecc71,
        }
        const body = {
          content: truncate(message.render(content, withoutMentions), 2000),
          username: message.line(username, 80),
          avatar_url: message.line(avatarUrl, 2000),
          embeds: [embed],
        }
        return [{ url: message.secret(url!), headers: jsonHeaders, body: jsonOf(body) }]
      },
    }
  },
}

/** Telegram's bots. In HTML, the default, values are escaped. */
export const telegramKind: ReceiverKind = {
  key: 'telegram_configs',
  kind: 'telegram',
  sendResolved: true,
  keys: ['api_url', 'bot_token', 'bot_token_file', 'chat_id', 'message_thread_id', 'message', 'disable_notifications', 'parse_mode'],
  read: (fields, reader) => {
    const { document, globals } = reader
    const token = reader.requiredSecret(
      fields.self,
      reader.secret(fields['bot_token'], fields['bot_token_file']) ?? globals.telegramToken,
      'bot_token, bot_token_file or telegram_bot_token in global',
    )
    const base = (document.text(fields['api_url']) ?? globals.telegramUrl).replace(/\/$/, '')
    const chat = document.number(fields['chat_id'])
    if (chat === undefined) return document.problem(fields.self, 'chat_id must be given')
    const mode = document.word(fields['parse_mode'], ['HTML', 'Markdown', 'MarkdownV2', '']) ?? 'HTML'
    const escape = mode === '' || mode === 'HTML' ? undefined : mode === 'Markdown' ? escapeMarkdown : escapeMarkdownV2
    const text = reader.text(fields['message'], '{{ template "telegram.default.message" . }}', mode === 'HTML' ? 'html' : 'text')
    const thread = document.number(fields['message_thread_id'])
    const isSilent = document.boolean(fields['disable_notifications']) ?? false
    if (token === undefined) return undefined
    return {
      classify: classifyLimited,
      compose: (message) => {
        const body = {
          chat_id: chat,
          message_thread_id: thread,
          text: cutMarkup(message.render(text, escape), 4096, mode),
          disable_web_page_preview: true,
          disable_notification: isSilent,
          parse_mode: mode,
        }
        return [{ url: `${base}/bot${message.secret(token)}/sendMessage`, headers: jsonHeaders, body: jsonOf(body) }]
      },
    }
  },
}

/** Pushover. */
export const pushoverKind: ReceiverKind = {
  key: 'pushover_configs',
  kind: 'pushover',
  sendResolved: true,
  keys: [
    'user_key',
    'user_key_file',
    'token',
    'token_file',
    'title',
    'message',
    'url',
    'url_title',
    'device',
    'sound',
    'priority',
    'retry',
    'expire',
    'ttl',
    'html',
  ],
  read: (fields, reader) => {
    const user = reader.requiredSecret(fields.self, reader.secret(fields['user_key'], fields['user_key_file']), 'user_key or user_key_file')
    const token = reader.requiredSecret(fields.self, reader.secret(fields['token'], fields['token_file']), 'token or token_file')
    const isHtml = reader.document.boolean(fields['html']) ?? false
    const text = (name: string, standard = '') => reader.text(fields[name], standard)
    const texts = {
      title: text('title', '{{ template "pushover.default.title" . }}'),
      url: text('url', '{{ template "pushover.default.url" . }}'),
      url_title: text('url_title'),
      device: text('device'),
      sound: text('sound'),
      priority: text('priority', '{{ if eq .Status "firing" }}2{{ else }}0{{ end }}'),
      retry: text('retry', '60'),
      expire: text('expire', '3600'),
      ttl: text('ttl'),
    }
    const body = reader.text(fields['message'], '{{ template "pushover.default.message" . }}', isHtml ? 'html' : 'text')
    if (user === undefined || token === undefined) return undefined
    return {
      compose: (message) => {
        const lines = Object.entries(texts).map(([name, field]): [string, string] => [
          name,
          seconds(name, message.line(field, name === 'url' ? 512 : 250)),
        ])
        const form = new URLSearchParams(lines.filter(([, value]) => value !== ''))
        form.set('token', message.secret(token))
        form.set('user', message.secret(user))
        form.set('message', cutMarkup(message.render(body).trim() || '(no details)', 1024, isHtml ? 'HTML' : ''))
        if (isHtml) form.set('html', '1')
        const headers = { 'Content-Type': 'application/x-www-form-urlencoded' }
        return [{ url: 'https://api.pushover.net/1/messages.json', headers, body: form.toString() }]
      },
    }
  },
}

/** Webex: a message in a room. */
export const webexKind: ReceiverKind = {
  key: 'webex_configs',
  kind: 'webex',
  sendResolved: true,
  keys: ['api_url', 'room_id', 'message'],
  read: (fields, reader) => {
    const url = reader.document.text(fields['api_url']) ?? reader.globals.webexUrl
    if (fields['room_id'] === undefined) return reader.document.problem(fields.self, 'room_id must be given')
    const room = reader.text(fields['room_id'])
    const text = reader.text(fields['message'], '{{ template "webex.default.message" . }}')
    return {
      compose: (message) => {
        const body = { roomId: message.line(room, 200), markdown: truncate(message.render(text), 7000) }
        return [{ url, headers: jsonHeaders, body: jsonOf(body) }]
      },
    }
  },
}

/** Pushover wants seconds; the configuration has durations. */
function seconds(name: string, text: string): string {
  const match = name === 'retry' || name === 'expire' || name === 'ttl' ? /^(\d+)([smhd])$/.exec(text) : null
  return match === null ? text : String(Number(match[1]) * { s: 1, m: 60, h: 3600, d: 86_400 }[match[2] as 's' | 'm' | 'h' | 'd'])
}

/** Markup that is cut off in the middle would be refused whole: what is too long goes without its tags. */
function cutMarkup(text: string, maxLength: number, mode: string): string {
  if (text.length <= maxLength || mode !== 'HTML') return truncate(text, maxLength)
  return truncate(text.replaceAll(/<[^>]*>/g, ''), maxLength).replace(/&[#\w]*…$/, '…')
}

function escapeMarkdown(text: string): string {
  return text.replaceAll(/[_*`[]/g, (character) => `\\${character}`)
}

function escapeMarkdownV2(text: string): string {
  return text.replaceAll(/[_*[\]()~`>#+\-=|{}.!\\]/g, (character) => `\\${character}`)
}

/** Discord and Telegram say in the body how long to wait. */
function classifyLimited(answer: Answer): Delivery | undefined {
  if (answer.status !== 429) return undefined
  const body = parseJson(answer.text)
  const parameters = body?.['parameters'] as { readonly retry_after?: number } | undefined
  const wait = (body?.['retry_after'] ?? parameters?.retry_after) as number | undefined
  const afterMs = parseRetryAfter(wait === undefined ? answer.retryAfter : String(wait), 0)
  return { outcome: 'retry', reason: describeAnswer(answer), ...(afterMs !== undefined && { afterMs }) }
}
