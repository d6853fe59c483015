import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { readCloudConfig } from './autoscaling.ts'
import { schedulerSettings } from './scheduler-configuration.ts'
import { parseOptions, toFlags } from './options.ts'

const folder = mkdtempSync(join(tmpdir(), 'binnacle-autoscaler-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const fileWith = (text: string) => {
  const path = join(folder, 'file.yaml')
  writeFileSync(path, text)
  return path
}

test('the flags give the same settings again', () => {
  const { autoscaler } = parseOptions([
    '--autoscale-nodes=2:5',
    '--scan-interval=2',
    '--expander=priority,random',
    '--scale-down-utilization-threshold=0.3',
  ])
  expect(autoscaler).toMatchObject({
    nodes: { min: 2, max: 5 },
    scanIntervalMs: 2_000,
    expanders: ['priority', 'random'],
    scaleDownUtilizationThreshold: 0.3,
  })
  expect(parseOptions(toFlags(parseOptions(['--autoscale-nodes=2:5', '--expander=random']))).autoscaler).toMatchObject({
    nodes: { min: 2, max: 5 },
    expanders: ['random'],
  })
  const balanced = parseOptions(['--balance-similar-node-groups', '--balancing-ignore-label=a', '--balancing-ignore-label=b.example/c'])
  expect(balanced.autoscaler.balancing).toEqual({ ignoredLabels: ['a', 'b.example/c'] })
  expect(parseOptions(toFlags(balanced)).autoscaler).toEqual(balanced.autoscaler)
})

describe('what makes no sense is refused', () => {
  test.each([
    { flags: ['--autoscale-nodes=3'], problem: '"3" is not MIN:MAX' },
    { flags: ['--autoscale-nodes=3:1'], problem: 'MIN not above MAX' },
    { flags: ['--autoscale-nodes=1:2', '--nodes=3'], problem: 'MAX is below --nodes (3)' },
    { flags: ['--autoscale-nodes=1:2', '--cloud-config=x'], problem: 'not both' },
    { flags: ['--balancing-ignore-label=pool'], problem: 'goes with --balance-similar-node-groups' },
    { flags: ['--balance-similar-node-groups', '--balancing-ignore-label='], problem: '"" is not the name of a label' },
    { flags: ['--expander=best'], problem: '"best" is not one of least-waste' },
    { flags: ['--scan-interval=0'], problem: 'is not a number from 1' },
    { flags: ['--scale-down-utilization-threshold=2'], problem: 'is not a number from 0 to 1' },
  ])('$flags', ({ flags, problem }) => {
    expect(() => parseOptions(flags)).toThrow(problem)
  })
})

test('a provider is named by a file; its mistakes are told with their place', () => {
  expect(readCloudConfig(fileWith('address: localhost:8086\ngrpc_timeout: 10s\n'))).toEqual({
    address: 'localhost:8086',
    timeoutMs: 10_000,
  })
  writeFileSync(join(folder, 'a.pem'), 'PEM')
  expect(readCloudConfig(fileWith('address: x:1\ncacert: a.pem\ncert: a.pem\nkey: a.pem\n')).tls).toEqual({
    ca: 'PEM',
    cert: 'PEM',
    key: 'PEM',
  })
  expect(() => readCloudConfig(fileWith('address: x:1\ncert: a.pem\n'))).toThrow(/file\.yaml:2:7: cert: .*cacert, cert and key go together/)
  expect(() => readCloudConfig(fileWith('adress: x:1\n'))).toThrow(/adress: "x:1": unknown field/)
  expect(() => readCloudConfig(fileWith('address: x:1\ngrpc_timeout: soon\n'))).toThrow(/grpc_timeout: "soon": must be a duration/)
  expect(() => readCloudConfig(fileWith('address: x:1\ncacert: none\ncert: a.pem\nkey: a.pem\n'))).toThrow(/cacert: "none": ENOENT/)
  expect(() => readCloudConfig(join(folder, 'nothing'))).toThrow(/can not be read/)
})

test('a scheduler configuration that can not be used is refused in one line per mistake', () => {
  expect(() => schedulerSettings(fileWith('apiVersion: v1\nkind: KubeSchedulerConfiguration\n'))).toThrow(
    /file\.yaml:1:13: apiVersion: "v1": allowed: kubescheduler/,
  )
  expect(() => schedulerSettings(join(folder, 'nothing'))).toThrow(/can not be read/)
  expect(schedulerSettings(undefined)).toEqual({})
})
