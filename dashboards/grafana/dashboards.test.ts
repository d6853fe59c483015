import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'
import { describe, expect, it } from 'vitest'
import { metrics } from '../../aggregator/catalog.ts'
import { dataLinksOf, panelsOf, type DashboardJson } from './dashboard-json.ts'
import { influxQl, tableQl } from './influx-query.ts'
import { lintDashboard, lintFolder } from './lint.ts'
import { grafanaFiles } from './provisioning.ts'

const target = {
  influxdbUrl: 'http://127.0.0.1:8086',
  database: 'k8s',
  resolutionSeconds: 5,
  schema: 'default',
  dashboardsPath: '/etc/grafana/provisioning/dashboards/json',
} as const
const boardsOf = (files: ReadonlyMap<string, string>) =>
  [...files].filter(([file]) => file.endsWith('.json')).map(([file, text]) => [file, JSON.parse(text) as DashboardJson] as const)
const files = grafanaFiles(target)
const boards = boardsOf(files)
const ofTier = boardsOf(grafanaFiles({ ...target, tier: '5m' }))
const withFields = boardsOf(grafanaFiles({ ...target, schema: 'withfields' }))

describe('Grafana dashboards', () => {
  it.each(boards)('%s keeps every rule', (_, board) => {
    expect(lintDashboard(board)).toEqual([])
  })

  it.each(withFields)('%s keeps every rule with a measurement per group of metrics', (_, board) => {
    expect(lintDashboard(board)).toEqual([])
  })

  it.each(ofTier)('%s keeps every rule', (_, board) => {
    expect(lintDashboard(board)).toEqual([])
  })

  it('of a tier stand beside the others, read that tier and lead to each other', () => {
    expect(lintFolder([...boards, ...ofTier].map(([, board]) => board))).toEqual([])
    for (const [file, board] of ofTier) {
      expect(file).toContain('dashboards/json-5m/')
      for (const panel of panelsOf(board)) {
        for (const { query } of panel.targets ?? []) expect(query).toContain('FROM "5m"."')
        for (const { url } of dataLinksOf(panel)) expect(url).toMatch(/^\/d\/[a-z-]+-5m\?/)
      }
    }
  })

  it('do not clash with each other, and every link between them arrives with its variables', () => {
    expect(lintFolder(boards.map(([, board]) => board))).toEqual([])
  })

  it('lead from the cluster over node and pod to the container, and over namespace and workload to the pod', () => {
    const ways = new Map(
      boards.map(([, board]) => [
        board.uid,
        new Set(panelsOf(board).flatMap((panel) => dataLinksOf(panel).map(({ url }) => /^\/d\/([\w-]+)/.exec(url)![1]))),
      ]),
    )
    for (const [from, to] of [
      ['cluster', 'node'],
      ['cluster', 'namespace'],
      ['node', 'pod'],
      ['namespace', 'workload'],
      ['namespace', 'pod'],
      ['workload', 'pod'],
      ['pod', 'container'],
    ])
      expect(ways.get(`binnacle-${from}`), `${from} to ${to}`).toContain(`binnacle-${to}`)
  })

  it('show every metric that the aggregator has of itself', () => {
    const text = files.get('dashboards/json/monitor-health.json')!
    const missing = metrics.filter(({ name, entities }) => entities.includes('monitor') && !text.includes(`\\"${name}\\"`))
    expect(missing.map(({ name }) => name)).toEqual([])
  })

  it('as committed are those that the code makes', () => {
    const folder = fileURLToPath(new URL('generated', import.meta.url))
    for (const [file, text] of files) expect(readFileSync(`${folder}/${file}`, 'utf8'), `${file}: run npm run generate`).toBe(text)
    const committed = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
    expect(committed.map(({ name }) => name).sort()).toEqual([...files.keys()].map((file) => file.split('/').at(-1)!).sort())
  })

  it('come with a data source of fixed uid and a provider of the right path', () => {
    expect(parse(files.get('datasources/binnacle.yaml')!)).toMatchObject({
      datasources: [{ uid: 'binnacle-influxdb', url: target.influxdbUrl, jsonData: { dbName: 'k8s', timeInterval: '5s' } }],
    })
    expect(parse(files.get('dashboards/binnacle.yaml')!)).toMatchObject({ providers: [{ options: { path: target.dashboardsPath } }] })
  })

  it('keep the id of a panel wherever it stands', () => {
    const ids = boards.flatMap(([, board]) =>
      panelsOf(board)
        .filter(({ title }) => title === 'Restarts')
        .map(({ id }) => id),
    )
    expect(new Set(ids).size).toBe(1)
  })
})

describe('lint', () => {
  const [, good] = boards[0]!
  const broken = (change: (board: any) => void) => {
    const board = structuredClone(good)
    change(board)
    return lintDashboard(board).join('\n')
  }
  const chart = (board: any) => board.panels.find((panel: any) => panel.type === 'timeseries')
  const table = (board: any) => board.panels.find((panel: any) => panel.type === 'table')
  const ask = (query: string) => (board: any) => (chart(board).targets[0].query = query)
  const one = `"cluster_name" =~ /^$cluster$/ AND $timeFilter`

  it.each<[string, (board: any) => void, string]>([
    [
      'a metric that nobody collects',
      ask(`SELECT mean("value") FROM "cpu/usge_rate" WHERE ${one} GROUP BY time($__interval) fill(null)`),
      'unknown metric cpu/usge_rate',
    ],
    [
      'a metric that the entity does not have',
      ask(`SELECT mean("value") FROM "restart_count" WHERE "type" = 'node' AND ${one} GROUP BY time($__interval), "nodename" fill(null)`),
      'restart_count has no node',
    ],
    [
      'a tag that nobody writes',
      ask(
        `SELECT mean("value") FROM "cpu/load" WHERE "type" = 'node' AND "host" = 'x' AND ${one} GROUP BY time($__interval), "nodename" fill(null)`,
      ),
      'unknown tag host',
    ],
    [
      'a mean over several nodes',
      ask(`SELECT mean("value") FROM "cpu/usage_rate" WHERE "type" = 'node' AND ${one} GROUP BY time($__interval) fill(null)`),
      'several nodename would be averaged into one',
    ],
    [
      'a mean over several nodes inside a sum',
      ask(
        `SELECT sum("part") FROM (SELECT mean("value") AS "part" FROM "cpu/usage_rate" WHERE "type" = 'node' AND ${one} GROUP BY time($__interval)) WHERE $timeFilter GROUP BY time($__interval) fill(null)`,
      ),
      'several nodename would be averaged into one',
    ],
    [
      'a mean over several file systems',
      ask(
        `SELECT mean("value") FROM "filesystem/usage" WHERE "type" = 'node' AND ${one} GROUP BY time($__interval), "nodename" fill(null)`,
      ),
      'several resource_id would be averaged into one',
    ],
    [
      'entities of all types in one',
      ask(`SELECT mean("value") FROM "cpu/load" WHERE ${one} GROUP BY time($__interval) fill(null)`),
      'entities of all types would be mixed',
    ],
    [
      'figures of several clusters in one',
      ask(`SELECT mean("value") FROM "cpu/load" WHERE "type" = 'node' AND $timeFilter GROUP BY time($__interval), "nodename" fill(null)`),
      'figures of several clusters would be mixed',
    ],
    [
      'the growth of what does not only grow',
      ask(
        `SELECT non_negative_derivative(last("value"), 1s) FROM "cpu/load" WHERE "type" = 'node' AND ${one} GROUP BY time($__interval), "nodename" fill(null)`,
      ),
      'is no counter',
    ],
    ['a missing time range', ask('SELECT mean("value") FROM "cpu/load" GROUP BY time($__interval) fill(null)'), 'has the time range'],
    [
      'a pattern without its ends',
      ask(`SELECT mean("value") FROM "cpu/load" WHERE "nodename" =~ /$node$/ AND ${one} GROUP BY time($__interval), "nodename" fill(null)`),
      'is not anchored',
    ],
    [
      'a choice of several compared with =',
      ask(`SELECT mean("value") FROM "cpu/load" WHERE "nodename" = '$node' AND ${one} GROUP BY time($__interval), "nodename" fill(null)`),
      'compared with =',
    ],
    ['an undefined variable', (board) => (chart(board).targets[0].query += ' $nowhere'), 'variable $nowhere is not defined'],
    ['an unused variable', (board) => board.templating.list.push({ name: 'spare', type: 'textbox' }), 'variable $spare is not used'],
    ['All as a list of every value', (board) => delete board.templating.list[2].allValue, 'would list every value for All'],
    ['a missing unit', (board) => delete chart(board).fieldConfig.defaults.unit, 'no unit of ours'],
    ['a missing description', (board) => delete chart(board).description, 'no description'],
    ['a hidden legend', (board) => (chart(board).options.legend.showLegend = false), 'the legend is hidden'],
    ['overlapping panels', (board) => (board.panels[1].gridPos = board.panels[0].gridPos), 'overlap'],
    ['a fixed data source', (board) => (chart(board).datasource.uid = 'abc'), 'does not use the data source variable'],
    ['a repeated id', (board) => (board.panels[1].id = board.panels[0].id), 'is there twice'],
    ['a repeated title', (board) => (board.panels[1].title = board.panels[0].title), 'is there twice'],
    ['links that forget the time', (board) => (board.links[0].keepTime = false), 'forgets variables or time'],
    [
      'a link of data without the cluster',
      (board) =>
        (table(board).fieldConfig.overrides[0].properties[1].value[0].url =
          '/d/binnacle-node?var-datasource=${datasource}&${__url_time_range}'),
      'forgets the cluster',
    ],
    [
      'a link by a tag that the rows lack',
      (board) =>
        (table(board).fieldConfig.overrides[0].properties[1].value[0].url =
          '/d/binnacle-pod?var-datasource=${datasource}&var-cluster=${cluster}&var-pod=${__data.fields.pod_name}&${__url_time_range}'),
      'takes pod_name from lines that do not have it',
    ],
    ['a newer schema than is claimed', (board) => (board.schemaVersion = 42), 'is not the oldest'],
  ])('finds %s', (_, change, message) => {
    expect(broken(change)).toContain(message)
  })

  it('finds links that lead nowhere or set what is not there', () => {
    const change = (url: string) => {
      const board = structuredClone(good)
      ;(table(board).fieldConfig.overrides[0].properties[1].value as { url: string }[])[0]!.url = url
      return lintFolder([board, ...boards.slice(1).map(([, other]) => other)]).join('\n')
    }
    expect(change('/d/nowhere?x')).toContain('leads nowhere')
    expect(change('/d/binnacle-node?var-pod=x')).toContain('does not have: pod')
  })
})

describe('influxQl', () => {
  it('sums over entities after each was aggregated by itself', () => {
    const query = { metric: 'cpu/usage_rate', of: 'node', per: [], sumOver: ['nodename'], factor: 0.001, alias: '' } as const
    expect(influxQl({ schema: 'default' }, query)).toBe(
      `SELECT sum("part") * 0.001 FROM (SELECT mean("value") AS "part" FROM "cpu/usage_rate" WHERE "type" = 'node' AND "cluster_name" =~ /^$cluster$/ AND $timeFilter GROUP BY time($__interval), "nodename") WHERE $timeFilter GROUP BY time($__interval) fill(null)`,
    )
    expect(influxQl({ schema: 'withfields' }, query)).toContain(`mean("usage_rate") AS "part" FROM "cpu" WHERE`)
  })

  it('asks for several columns of a table at once', () => {
    const query = {
      metric: 'cpu/usage_rate',
      of: 'node',
      per: ['nodename'],
      columns: [
        { aggregate: 'mean', title: 'CPU' },
        { aggregate: 'max', title: 'CPU at most' },
      ],
      factor: 0.001,
    } as const
    expect(tableQl({ schema: 'default', tier: '1h' }, query)).toBe(
      `SELECT mean("value") * 0.001 AS "CPU", max("value") * 0.001 AS "CPU at most" FROM "1h"."cpu/usage_rate" WHERE "type" = 'node' AND "cluster_name" =~ /^$cluster$/ AND $timeFilter GROUP BY "nodename"`,
    )
  })
})
