import { stringify } from 'yaml'

/** What is notified of without a configuration file. Nothing given means that alerts are kept and shown, and nobody is told. */
export interface NotificationDefaults {
  readonly smtp?: {
    readonly host: string
    readonly port: number
    readonly from: string
    readonly user?: string
    readonly password?: string
    /** Refuse to send without TLS; on unless said otherwise. */
    readonly requireTls?: boolean
  }
  readonly mailTo?: string
  readonly webhookUrl?: string
  /** Signs webhook bodies. */
  readonly webhookSecret?: string
}

/** Thrown for defaults that do not go together. */
class DefaultsError extends Error {
  readonly code = 'EALERTSDEFAULTS'
}

/** The configuration, in Alertmanager's format, that stands in for a file: one receiver that is told of everything within seconds. */
export function defaultConfiguration(defaults: NotificationDefaults): string {
  const { smtp, mailTo, webhookUrl, webhookSecret } = defaults
  if (mailTo !== undefined && smtp === undefined) throw new DefaultsError('a mail recipient is given, and no mail server')
  const global = {
    resolve_timeout: '5m',
    ...(smtp && {
      smtp_smarthost: `${smtp.host}:${smtp.port}`,
      smtp_from: smtp.from,
      smtp_require_tls: smtp.requireTls ?? true,
      ...(smtp.user !== undefined && { smtp_auth_username: smtp.user }),
      ...(smtp.password !== undefined && { smtp_auth_password: smtp.password }),
    }),
  }
  const webhook = { url: webhookUrl, send_resolved: true, ...(webhookSecret !== undefined && { hmac_secret: webhookSecret }) }
  const receiver = {
    name: 'default',
    ...(mailTo !== undefined && { email_configs: [{ to: mailTo, send_resolved: true }] }),
    ...(webhookUrl !== undefined && { webhook_configs: [webhook] }),
  }
  return stringify({
    global,
    route: { receiver: 'default', group_by: ['alertname', 'namespace'], group_wait: '5s', group_interval: '15s', repeat_interval: '4h' },
    receivers: [receiver],
    inhibit_rules: [
      { source_matchers: ['alertname="NodeAbsent"'], target_matchers: ['alertname!="NodeAbsent"', 'node!=""'], equal: ['node'] },
      {
        source_matchers: ['severity="critical"'],
        target_matchers: ['severity="warning"'],
        equal: ['alertname', 'node', 'namespace', 'pod', 'container', 'resource'],
      },
    ],
  })
}
