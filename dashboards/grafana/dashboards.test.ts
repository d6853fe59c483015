import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'
import { describe, expect, it } from 'vitest'
import { influxQl } from './influx-query.ts'
import { lintDashboard, lintFolder, type DashboardJson } from './lint.ts'
import { grafanaFiles } from './provisioning.ts'

const target = {
  influxdbUrl: 'http://127.0.0.1:8086',
  database: 'k8s',
  resolutionSeconds: 5,
  dashboardsPath: '/etc/grafana/provisioning/dashboards/json',
}
const files = grafanaFiles(target)
const boards = [...files]
  .filter(([file]) => file.endsWith('.json'))
  .map(([file, text]) => [file, JSON.parse(text) as DashboardJson] as const)

describe('Grafana dashboards', () => {
  it.each(boards)('%s keeps every rule', (_, board) => {
    expect(lintDashboard(board)).toEqual([])
    expect(board.panels.length).toBeGreaterThan(5)
  })

  it('do not clash with each other', () => {
    expect(lintFolder(boards.map(([, board]) => board))).toEqual([])
  })

  it('as committed are those that the code makes', () => {
    for (const [file, text] of files) {
      expect(readFileSync(fileURLToPath(new URL(`generated/${file}`, import.meta.url)), 'utf8'), `${file}: run npm run generate`).toBe(text)
    }
  })

  it('come with a data source of fixed uid and a provider of the right path', () => {
    expect(parse(files.get('datasources/binnacle.yaml')!)).toMatchObject({
      datasources: [{ uid: 'binnacle-influxdb', url: target.influxdbUrl, jsonData: { dbName: 'k8s', timeInterval: '5s' } }],
    })
    expect(parse(files.get('dashboards/binnacle.yaml')!)).toMatchObject({ providers: [{ options: { path: target.dashboardsPath } }] })
  })
})

describe('lint', () => {
  const [, good] = boards[0]!
  const broken = (change: (board: any) => void) => {
    const board = structuredClone(good)
    change(board)
    return lintDashboard(board).join('\n')
  }
  const firstChart = (board: any) => board.panels.find((panel: any) => panel.type === 'timeseries')

  it.each<[string, (board: any) => void, string]>([
    [
      'a metric that nobody collects',
      (board) =>
        (firstChart(board).targets[0].query =
          'SELECT mean("value") FROM "cpu/usge_rate" WHERE $timeFilter GROUP BY time($__interval) fill(null)'),
      'unknown metric cpu/usge_rate',
    ],
    [
      'a tag that nobody writes',
      (board) =>
        (firstChart(board).targets[0].query =
          `SELECT mean("value") FROM "cpu/load" WHERE "host" = 'x' AND $timeFilter GROUP BY time($__interval) fill(null)`),
      'unknown tag host',
    ],
    [
      'a missing time range',
      (board) => (firstChart(board).targets[0].query = 'SELECT mean("value") FROM "cpu/load" GROUP BY time($__interval) fill(null)'),
      'no time range',
    ],
    ['an undefined variable', (board) => (firstChart(board).targets[0].query += ' $nowhere'), 'variable $nowhere is not defined'],
    ['a missing unit', (board) => delete firstChart(board).fieldConfig.defaults.unit, 'has no unit'],
    ['overlapping panels', (board) => (board.panels[1].gridPos = board.panels[0].gridPos), 'overlap'],
    ['a fixed data source', (board) => (firstChart(board).datasource.uid = 'abc'), 'does not use the data source variable'],
    ['a repeated id', (board) => (board.panels[1].id = board.panels[0].id), 'is there twice'],
  ])('finds %s', (_, change, message) => {
    expect(broken(change)).toContain(message)
  })
})

describe('influxQl', () => {
  it('sums over entities after each was aggregated by itself', () => {
    expect(influxQl({ metric: 'cpu/usage_rate', where: [`"type" = 'node'`], sumOver: ['nodename'], factor: 0.001 })).toBe(
      `SELECT sum("part") * 0.001 FROM (SELECT mean("value") AS "part" FROM "cpu/usage_rate" WHERE "type" = 'node' AND $timeFilter GROUP BY time($__interval), "nodename") WHERE $timeFilter GROUP BY time($__interval) fill(null)`,
    )
  })
})
