import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { parseConfiguration } from '../../aggregator/configuration.ts'
import { parseAggregatorFlags, readManifests } from './aggregator.ts'
import { findClusterTool } from './kubectl.ts'

interface Manifest {
  readonly kind: string
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly annotations?: Readonly<Record<string, string>> }
  readonly data?: Readonly<Record<string, string>>
  readonly spec?: {
    readonly template: {
      readonly metadata: { annotations?: object }
      readonly spec: { readonly containers: readonly { readonly args: readonly string[] }[] }
    }
  }
}

const folder = fileURLToPath(new URL('../../deploy/', import.meta.url))
const parse = (text: string) => parseAllDocuments(text).map((document) => document.toJS() as Manifest)

function template(...args: string[]): Manifest[] {
  const helm = findClusterTool('helm', process.env['PATH'] ?? '')!
  const { stdout, stderr, status } = spawnSync(helm, ['template', 'release', `${folder}chart`, ...args], { encoding: 'utf8' })
  expect(status, stderr).toBe(0)
  return parse(stdout)
}

/** In one order, without what tells pods of another configuration. */
function comparable(manifests: readonly Manifest[]): unknown[] {
  const nameOf = ({ kind, metadata }: Pick<Manifest, 'kind' | 'metadata'>) => `${kind} ${metadata.name}`
  for (const { spec } of manifests) delete spec?.template?.metadata.annotations
  return manifests
    .map((manifest) => ({
      ...manifest,
      // Texts are compared by what they say.
      ...(manifest.data === undefined ? {} : { data: Object.entries(manifest.data).map(([name, text]) => [name, parse(text)]) }),
    }))
    .toSorted((a, b) => nameOf(a).localeCompare(nameOf(b)))
}

const argumentsIn = (manifests: readonly Manifest[], kind: string) =>
  manifests.find((manifest) => manifest.kind === kind)!.spec!.template.spec.containers[0]!.args
const configurationIn = (manifests: readonly Manifest[], file: string) =>
  manifests.flatMap(({ kind, data }) => (kind === 'ConfigMap' && data?.[file] !== undefined ? [data[file]] : []))[0]!

describe('the manifests under deploy/', () => {
  it('are what the chart makes of its defaults, its test apart', () => {
    const made = template('-n', 'kube-system').filter(({ metadata }) => metadata.annotations?.['helm.sh/hook'] !== 'test')
    expect(comparable(made)).toEqual(comparable(parse(readManifests())))
  })

  it('use flags and configuration that the commands take', () => {
    const [command, ...flags] = argumentsIn(parse(readManifests()), 'Deployment')
    expect(command).toBe('aggregator')
    expect(parseAggregatorFlags(flags).unused).toEqual([])
    expect(parseConfiguration('aggregator.yaml', configurationIn(parse(readManifests()), 'aggregator.yaml')).resolutionMs).toBe(15_000)
  })

  it('take rules, receivers, a certificate and a namespace of one’s own in the chart', () => {
    const all = template(
      '-n',
      'watch',
      '--set',
      'alerts.configurationSecret=who,metricsApis.secret=tls,metricsApis.caBundle=Zm9v',
      '--set-json',
      'alerts.rules={"b.yaml":{"groups":[]},"a.yaml":"groups: []"}',
    )
    const [, ...flags] = argumentsIn(all, 'Deployment')
    expect(parseAggregatorFlags(flags).flags).toMatchObject({
      rules: ['/etc/binnacle/a.yaml', '/etc/binnacle/b.yaml'],
      'alerts-config': '/etc/binnacle-alerts/alertmanager.yml',
      'tls-cert-file': '/etc/binnacle-tls/tls.crt',
    })
    expect(parse(configurationIn(all, 'a.yaml'))).toEqual([{ groups: [] }])
    const services = all.filter(({ kind }) => kind === 'APIService')
    expect(services).toHaveLength(4)
    for (const service of services) expect(service.spec).toMatchObject({ caBundle: 'Zm9v', service: { namespace: 'watch' } })
    expect(template('--set', 'metricsApis.enabled=false').filter(({ kind }) => kind === 'APIService')).toEqual([])
  })
})
