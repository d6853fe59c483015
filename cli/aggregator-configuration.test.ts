import { expect, test } from 'vitest'
import { parseConfiguration } from '../aggregator/configuration.ts'
import { configuredInfluxdb } from './aggregator-configuration.ts'

const configured = (...sinks: readonly string[]) => configuredInfluxdb(parseConfiguration('a.yaml', JSON.stringify({ sinks })))

test('an InfluxDB of the configuration takes the place of the cluster’s own by its name alone', () => {
  expect(configured('influxdb:http://metrics:8086?db=ships')).toEqual({ url: 'http://metrics:8086', database: 'ships' })
  expect(configured('influxdb:http://metrics:8086')).toEqual({ url: 'http://metrics:8086', database: 'k8s' })
  expect(configured('influxdb:http://metrics:8086?name=second', 'log')).toBeUndefined()
  expect(configured()).toBeUndefined()
})
