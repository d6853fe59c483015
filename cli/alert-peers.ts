import { readFileSync } from 'node:fs'
import { createClusteredAlerts } from '../alerts/cluster/app.ts'
import type { ClusteredAlerts, ClusteredAlertsOptions } from '../alerts/cluster/app.ts'
import type { Client } from '../orchestrator/client/client.ts'
import { createAlertLeases } from './alert-leases.ts'
import type { AlertPeerSettings } from './alert-peer-flags.ts'

/** An alert server that shares the work with others, who agree by a Lease of the API server that `client` reaches. */
export function createPeeredAlerts(
  alerts: Omit<ClusteredAlertsOptions, 'name' | 'peers' | 'leases' | 'leaseDurationMs' | 'takeOverAfterMs'>,
  { name, listen, advertise, tls, lease, takeOverAfterMs }: AlertPeerSettings,
  client: Client,
): ClusteredAlerts {
  const read = (path: string) => readFileSync(path, 'utf8')
  return createClusteredAlerts({
    ...alerts,
    name,
    peers: {
      ...listen,
      ...(advertise !== undefined && { advertise }),
      ...(tls !== undefined && { tls: { ca: read(tls.ca), cert: read(tls.cert), key: read(tls.key) } }),
    },
    leases: createAlertLeases({ client, clock: alerts.clock, log: alerts.log, ...lease, leaseDurationMs: lease.durationMs }),
    leaseDurationMs: lease.durationMs,
    ...(takeOverAfterMs !== undefined && { takeOverAfterMs }),
  })
}
