import type { Notification } from '../delivery/notification.ts'

const now = Date.UTC(2030, 0, 1)

/** One firing alert, to be told as the second thing since its group was quiet. */
export const sampleNotification: Notification = {
  id: '0123456789abcdef-7',
  lane: 'lane',
  sequence: 7,
  groupKey: '{}:{alertname="PodRestarting"}',
  groupLabels: { alertname: 'PodRestarting' },
  receiver: 'ops',
  integration: 'email[0]',
  alerts: [
    {
      status: 'firing',
      labels: { alertname: 'PodRestarting', namespace: 'default', pod: 'web-1' },
      annotations: { summary: 'web-1 <script>restarts</script>' },
      startsAt: now,
      generatorUrl: 'http://127.0.0.1:9093/rule',
      fingerprint: '00000000000000ff',
    },
  ],
  externalUrl: 'http://127.0.0.1:9093',
  createdAt: now + 30_000,
  attempts: 0,
  notBefore: now + 30_000,
  thread: '0123456789abcdef-5',
}
