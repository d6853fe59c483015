import { parseConfiguration } from '../routing/configuration.ts'
import type { IntegrationSettings } from '../routing/receiver.ts'

/** The settings of the only integration of a receiver, as its lines in a configuration say: `slack_configs: [{api_url: …}]`. */
export function readIntegration(lines: string, more = ''): IntegrationSettings {
  const { receivers } = parseConfiguration('am.yml', `route: {receiver: r}\nreceivers:\n- name: r\n  ${lines}\n${more}`, () => '')
  return receivers.get('r')!.integrations[0]!
}
