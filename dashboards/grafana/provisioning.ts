import { stringify } from 'yaml'
import { tierStepMs } from '../../aggregator/influx/tiers.ts'
import type { Board } from './board.ts'
import { clusterBoard } from './cluster.dashboard.ts'
import { containerBoard } from './container.dashboard.ts'
import { eventsBoard } from './events.dashboard.ts'
import { finalizeDashboard } from './finalize.ts'
import { monitorHealthBoard } from './monitor-health.dashboard.ts'
import { namespaceBoard } from './namespace.dashboard.ts'
import { nodeBoard } from './node.dashboard.ts'
import { podBoard } from './pod.dashboard.ts'
import { renderBoard } from './render-board.ts'
import type { RenderOptions } from './render-panel.ts'
import { workloadBoard } from './workload.dashboard.ts'

/** Where the InfluxDB is, as Grafana reaches it. A password is never written: Grafana reads it from its environment. */
export interface GrafanaTarget extends RenderOptions {
  readonly influxdbUrl: string
  readonly database: string
  /** The folder of the dashboard files as Grafana sees it. */
  readonly dashboardsPath: string
}

/** Every dashboard: file name → board. */
const boards: Readonly<Record<string, Board>> = {
  'cluster.json': clusterBoard,
  'node.json': nodeBoard,
  'namespace.json': namespaceBoard,
  'workload.json': workloadBoard,
  'pod.json': podBoard,
  'container.json': containerBoard,
  'events.json': eventsBoard,
  'monitor-health.json': monitorHealthBoard,
}

/**
 * All files of a Grafana provisioning folder, path → text. With a tier only the dashboards of that tier, to lie beside the others; events
 * are not kept in tiers.
 */
export function grafanaFiles(target: GrafanaTarget): ReadonlyMap<string, string> {
  const { tier } = target
  const suffix = tier === undefined ? '' : `-${tier}`
  const options = tier === undefined ? target : { ...target, resolutionSeconds: tierStepMs(tier) / 1000 }
  const files = new Map<string, string>()
  for (const [file, board] of Object.entries(boards)) {
    if (tier !== undefined && board === eventsBoard) continue
    files.set(`dashboards/json${suffix}/${file}`, finalizeDashboard(renderBoard(board, options).build()))
  }
  if (tier === undefined) files.set('datasources/binnacle.yaml', stringify(datasourceFile(target)))
  files.set(`dashboards/binnacle${suffix}.yaml`, stringify(providerFile(target, suffix)))
  return files
}

function datasourceFile(target: GrafanaTarget): object {
  return {
    apiVersion: 1,
    datasources: [
      {
        name: 'Binnacle',
        uid: 'binnacle-influxdb',
        type: 'influxdb',
        access: 'proxy',
        orgId: 1,
        url: target.influxdbUrl,
        isDefault: true,
        editable: false,
        user: '${BINNACLE_INFLUXDB_USER}',
        jsonData: {
          dbName: target.database,
          httpMode: 'POST',
          timeInterval: `${target.resolutionSeconds}s`,
          maxSeries: 10000,
          version: 'InfluxQL',
        },
        secureJsonData: { password: '${BINNACLE_INFLUXDB_PASSWORD}' },
      },
    ],
  }
}

function providerFile(target: GrafanaTarget, suffix: string): object {
  return {
    apiVersion: 1,
    providers: [
      {
        name: `binnacle${suffix}`,
        orgId: 1,
        folder: target.tier === undefined ? 'Binnacle' : `Binnacle (${target.tier})`,
        folderUid: `binnacle${suffix}`,
        type: 'file',
        disableDeletion: false,
        updateIntervalSeconds: 30,
        allowUiUpdates: false,
        options: { path: `${target.dashboardsPath}${suffix}` },
      },
    ],
  }
}
