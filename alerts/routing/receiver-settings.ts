import type { Field } from '../../lib/document.ts'
import { httpKinds } from '../delivery/receivers/kinds.ts'
import { readMail } from './mail-settings.ts'
import type { ReceiverReader } from './receiver-reader.ts'
import type { Receiver } from './receiver.ts'

const mailKey = 'email_configs'
const supported = ['name', mailKey, ...httpKinds.map(({ key }) => key)]

/** Alertmanager has these, this program does not. */
const unsupported = new Set([
  'sns_configs',
  'wechat_configs',
  'jira_configs',
  'rocketchat_configs',
  'mattermost_configs',
  'incidentio_configs',
])

/** Reads one entry of `receivers`. A kind that is not supported is a problem, so that nobody relies on a notification that will not come. */
export function readReceiver(reader: ReceiverReader, field: Field): Receiver | undefined {
  const { document } = reader
  const fields: Record<string, Field> = Object.fromEntries(document.entries(field))
  for (const [key, member] of Object.entries(fields)) {
    if (supported.includes(key)) continue
    const what = unsupported.has(key)
      ? `${key} is not supported; template_configs can call anything that has an HTTP interface`
      : 'unknown field'
    document.problem(member, `${what}; allowed here: ${supported.join(', ')}`)
  }
  if (fields['name'] === undefined) return document.problem(field, 'field name is missing')
  const name = document.text(fields['name'])
  const mails = document.list(fields[mailKey]).flatMap((item) => readMail(reader, item) ?? [])
  const others = httpKinds.flatMap((kind) => document.list(fields[kind.key]).flatMap((item) => reader.readHttp(kind, item) ?? []))
  return name === undefined ? undefined : { name, integrations: [...mails, ...others] }
}
