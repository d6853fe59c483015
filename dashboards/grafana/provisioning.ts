import { stringify } from 'yaml'
import { clusterDashboard } from './cluster.dashboard.ts'
import { finalizeDashboard } from './finalize.ts'
import { podsDashboard } from './pods.dashboard.ts'

/** Where the InfluxDB is, as Grafana reaches it. A password is never written: Grafana reads it from its environment. */
export interface GrafanaTarget {
  readonly influxdbUrl: string
  readonly database: string
  /** The scrape resolution: shorter query intervals would show gaps. */
  readonly resolutionSeconds: number
  /** The folder of the dashboard files as Grafana sees it. */
  readonly dashboardsPath: string
}

/** Every dashboard: file name → builder. */
export const dashboards = {
  'cluster.json': clusterDashboard,
  'pods.json': podsDashboard,
} as const

/** All files of a Grafana provisioning folder, path → text. */
export function grafanaFiles(target: GrafanaTarget): ReadonlyMap<string, string> {
  const files = new Map<string, string>()
  for (const [file, build] of Object.entries(dashboards)) files.set(`dashboards/json/${file}`, finalizeDashboard(build().build()))
  files.set('datasources/binnacle.yaml', stringify(datasourceFile(target)))
  files.set('dashboards/binnacle.yaml', stringify(providerFile(target)))
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

function providerFile(target: GrafanaTarget): object {
  return {
    apiVersion: 1,
    providers: [
      {
        name: 'binnacle',
        orgId: 1,
        folder: 'Binnacle',
        folderUid: 'binnacle',
        type: 'file',
        disableDeletion: false,
        updateIntervalSeconds: 30,
        allowUiUpdates: false,
        options: { path: target.dashboardsPath },
      },
    ],
  }
}
