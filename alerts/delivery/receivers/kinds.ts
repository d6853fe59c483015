import type { ReceiverKind } from '../../routing/receiver-reader.ts'
import { discordKind, pushoverKind, telegramKind, webexKind } from './chats.ts'
import { msteamsKind, msteamsV2Kind } from './msteams.ts'
import { opsgenieKind } from './opsgenie.ts'
import { pagerdutyKind } from './pagerduty.ts'
import { slackKind } from './slack.ts'
import { templateKind } from './template-request.ts'
import { victoropsKind } from './victorops.ts'
import { webhookKind } from './webhook.ts'

/** Every way to tell somebody over HTTP, in the order in which a receiver's integrations are numbered. */
export const httpKinds: readonly ReceiverKind[] = [
  webhookKind,
  slackKind,
  pagerdutyKind,
  opsgenieKind,
  msteamsKind,
  msteamsV2Kind,
  victoropsKind,
  discordKind,
  telegramKind,
  pushoverKind,
  webexKind,
  templateKind,
]
