import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { autoscalerFlags, autoscalerSettings, toAutoscalerFlags } from './autoscaler-flags.ts'
import type { AutoscalerFlags } from './autoscaler-flags.ts'
import { presentDataDir } from './data-folder.ts'
import { helpRow } from './flag-table.ts'
import type { AlertPeerSettings } from './alert-peer-flags.ts'
import { monitorPeerFlags, monitorPeers, toMonitorPeerFlags } from './monitor-peer-flags.ts'
import { nodeAgentFlags, nodeAgentSettings, toNodeAgentFlags } from './node-agent-flags.ts'
import type { NodeAgentSettings } from './node-agent-flags.ts'
import {
  addressesOf,
  cidr,
  dockerHostOf,
  influxdbOf,
  integer,
  loopback,
  nodeNameOf,
  oneOf,
  pathIn,
  pathOf,
  policyOf,
  port,
  seconds,
  serverOf,
  subjectOf,
} from './option-values.ts'
import type { ListenAddresses } from './option-values.ts'
import { UsageError } from './usage-error.ts'

export { loopback } from './option-values.ts'
export { UsageError } from './usage-error.ts'

/** Everything that can be set about a cluster on this host. One table for `start` and for the processes it starts. */
export interface ClusterOptions extends ListenAddresses {
  readonly dataDir: string
  readonly nodes: number
  /** `undefined`: Docker where it can be had, else simulated. */
  readonly runtime: 'docker' | 'simulated' | undefined
  readonly dockerHost: string
  /** `undefined`: influxd is started where it can be had. `none`: memory window only. */
  readonly influxdb: string | undefined
  readonly detach: boolean
  readonly ports: Ports
  readonly podCidr: string
  readonly serviceCidr: string
  readonly downscaleStabilizationMs: number
  readonly collectorIntervalMs: number
  readonly resolutionMs: number
  readonly rules: readonly string[]
  readonly alertsConfig: string | undefined
  /** Among whom the alerts are shared; `undefined`: the monitor alone has them. */
  readonly alertPeers: AlertPeerSettings | undefined
  readonly aggregatorConfig: string | undefined
  readonly logsConfig: string | undefined
  /** A KubeSchedulerConfiguration; `undefined`: one profile with upstream's defaults. */
  readonly schedulerConfig: string | undefined
  /** How nodes come and go by themselves. */
  readonly autoscaler: AutoscalerFlags
  readonly audit: AuditOptions
  /** What of the store is encrypted, and how; `undefined`: Secrets, with the cluster's own key. */
  readonly encryptionConfig: string | undefined
  readonly logLevel: string
  /** The name of the first node; further ones get `-2`, `-3`, … behind it. */
  readonly nodeName: string
  /** A folder of files with pods that the nodes run by themselves. */
  readonly podManifestPath: string | undefined
  /** A folder of recorded loads for simulated pods. */
  readonly simulatedTraces: string | undefined
  readonly evictionTransitionMs: number
  /** What is set about node agents beside. */
  readonly nodeAgent: NodeAgentSettings
  /** Services of type LoadBalancer get addresses from the cluster itself. */
  readonly hasServiceLb: boolean
  /** Unused images are removed from an engine that is not the cluster's own, too. */
  readonly collectsImages: boolean
  readonly imageHighPercent: number
  readonly imageLowPercent: number
  /** Further names and addresses in the API server's certificate. */
  readonly tlsSans: readonly string[]
  /** A node silent for this long is not ready. */
  readonly nodeGracePeriodMs: number
  /** The cluster that this host belongs to; `undefined`: one of its own. */
  readonly server: string | undefined
}

/** What of the API server's requests is written down. */
export interface AuditOptions {
  /** `undefined`: the default policy. `none`: nothing is. */
  readonly policyFile: string | undefined
  readonly mode: 'batch' | 'blocking'
  readonly maxBytes: number
  readonly maxBackups: number
}

export interface Ports {
  readonly api: number
  readonly nodeAgent: number
  readonly collector: number
  readonly aggregator: number
  readonly metricsApi: number
  readonly alerts: number
  readonly web: number
  readonly influxdb: number
}

/** Where an engine listens that the distribution starts. */
export const defaultDockerHost = 'unix:///var/run/docker.sock'

interface Flag {
  readonly value?: string
  readonly isRepeatable?: boolean
  readonly fallback?: string
  readonly help: string
}

/** Every flag, in the order of the help text. */
export const flags = {
  'data-dir': { value: 'DIR', fallback: '.binnacle', help: 'where everything is kept' },
  nodes: { value: 'N', fallback: '1', help: 'how many nodes this host is to be' },
  runtime: { value: 'docker|simulated', help: 'what runs containers (default: docker where it can be had)' },
  'docker-host': { value: 'URL', fallback: defaultDockerHost, help: 'the Docker engine' },
  influxdb: { value: 'URL|none', help: 'an InfluxDB to write to, or none (default: one is started)' },
  detach: { help: 'go on in the background' },
  'api-port': { value: 'PORT', fallback: '6443', help: 'API server' },
  'node-agent-port': { value: 'PORT', fallback: '10250', help: 'node agent; further nodes use the ports behind it' },
  'collector-port': { value: 'PORT', fallback: '4194', help: 'collector; further nodes use the ports behind it' },
  'aggregator-port': { value: 'PORT', fallback: '8082', help: 'model API' },
  'metrics-api-port': { value: 'PORT', fallback: '4443', help: 'metrics.k8s.io behind the API server' },
  'alerts-port': { value: 'PORT', fallback: '9093', help: 'alerts API' },
  'web-port': { value: 'PORT', fallback: '8080', help: 'the page' },
  'influxdb-port': { value: 'PORT', fallback: '8086', help: 'the InfluxDB that is started' },
  'service-lb': { value: 'on|off', fallback: 'on', help: 'addresses for Services of type LoadBalancer' },
  'pod-cidr': { value: 'CIDR', fallback: '10.244.0.0/16', help: 'addresses of pods' },
  'service-cidr': { value: 'CIDR', fallback: '10.96.0.0/16', help: 'addresses of services' },
  'downscale-stabilization': { value: 'SECONDS', fallback: '300', help: 'how long the autoscaler waits before it removes replicas' },
  'collector-interval': { value: 'SECONDS', fallback: '1', help: 'how often CPU and memory are read' },
  resolution: { value: 'SECONDS', fallback: '5', help: 'how often nodes are scraped' },
  rules: { value: 'FILE', isRepeatable: true, help: 'alert rules (default: the shipped ones)' },
  'alerts-config': { value: 'FILE', help: 'routes and receivers, in the format of Alertmanager' },
  'logs-config': { value: 'FILE', help: 'which logs are collected, what is done with them and where they go' },
  'aggregator-config': { value: 'FILE', help: 'sources, sinks, window and metrics of the aggregator' },
  'node-name': { value: 'NAME', help: 'name of the first node (default: the host name)' },
  'simulated-traces': { value: 'DIR', help: 'recorded loads (NAME.csv: seconds,cpu,memory) that simulated pods can play' },
  'pod-manifest-path': { value: 'DIR', help: 'files of static pods (default: nodes/NAME/manifests in the data folder)' },
  'eviction-pressure-transition-period': {
    value: 'SECONDS',
    fallback: '300',
    help: 'how long a node stays under pressure after it was last met',
  },
  ...monitorPeerFlags,
  ...nodeAgentFlags,
  'image-gc': { help: "remove unused images when the engine's disk runs full; they may be somebody else's" },
  'image-gc-high-threshold': { value: 'PERCENT', fallback: '85', help: 'use of the disk above which unused images go' },
  'image-gc-low-threshold': { value: 'PERCENT', fallback: '80', help: 'use of the disk down to which they go' },
  'advertise-address': { value: 'IP', help: 'the address at which other hosts reach this one (default: they do not)' },
  'bind-address': {
    value: 'IP',
    help: 'where API server and node agent listen beside 127.0.0.1 (default: --advertise-address; 0.0.0.0: everywhere)',
  },
  'tls-san': { value: 'NAME', isRepeatable: true, help: "another name or address for the API server's certificate" },
  'node-monitor-grace-period': { value: 'SECONDS', fallback: '40', help: 'a node that is silent for so long is not ready' },
  server: { value: 'URL', help: 'with `node`: the cluster to join' },
  'audit-policy': { value: 'FILE|none', help: 'which requests are written down (Policy of audit.k8s.io/v1; default: who changed what)' },
  'audit-log-mode': { value: 'MODE', fallback: 'batch', help: 'batch, or blocking: requests wait until they are written down' },
  'audit-log-maxsize': { value: 'MB', fallback: '100', help: 'size at which the audit log is rotated' },
  'audit-log-maxbackup': { value: 'N', fallback: '10', help: 'how many rotated audit logs stay' },
  'encryption-provider-config': {
    value: 'FILE',
    help: 'what is encrypted on the disk (EncryptionConfiguration; default: Secrets, with a key in the data folder)',
  },
  ...autoscalerFlags,
  'scheduler-config': { value: 'FILE', help: 'profiles and plugins of the scheduler (KubeSchedulerConfiguration v1)' },
  'log-level': { value: 'LEVEL', fallback: 'info', help: 'debug, info, warn or error' },
} satisfies Record<string, Flag>

/** Parses flags. Throws `UsageError` naming the flag, the value and what is allowed. */
export function parseOptions(args: readonly string[]): ClusterOptions {
  const values = parseFlags(args)
  const text = (name: keyof typeof flags): string => {
    const flag: Flag = flags[name]
    const value = values[name] ?? flag.fallback
    if (typeof value !== 'string') throw new UsageError(`--${name} is missing`)
    return value
  }
  const optional = (name: keyof typeof flags) => values[name] as string | undefined
  const path = (name: keyof typeof flags) => pathOf(name, optional(name))
  const imageHighPercent = integer('image-gc-high-threshold', text('image-gc-high-threshold'), 0, 100)
  return {
    dataDir: path('data-dir') ?? resolve(presentDataDir()),
    nodes: integer('nodes', text('nodes'), 1, 5000),
    runtime: oneOf('runtime', optional('runtime'), ['docker', 'simulated'] as const),
    dockerHost: dockerHostOf(text('docker-host')),
    influxdb: influxdbOf(optional('influxdb')),
    detach: values['detach'] === true,
    ports: portsOf(text),
    ...networksOf(text),
    downscaleStabilizationMs: seconds('downscale-stabilization', text('downscale-stabilization'), 0, 3600),
    collectorIntervalMs: seconds('collector-interval', text('collector-interval'), 0.1, 60),
    resolutionMs: seconds('resolution', text('resolution'), 1, 300),
    rules: ((values['rules'] as string[] | undefined) ?? []).map((file) => pathIn('rules', file)),
    alertsConfig: path('alerts-config'),
    alertPeers: monitorPeers(values),
    aggregatorConfig: path('aggregator-config'),
    logsConfig: path('logs-config'),
    audit: {
      policyFile: policyOf('audit-policy', optional('audit-policy')),
      mode: oneOf('audit-log-mode', text('audit-log-mode'), ['batch', 'blocking'] as const)!,
      maxBytes: integer('audit-log-maxsize', text('audit-log-maxsize'), 1, 100_000) * 1_000_000,
      maxBackups: integer('audit-log-maxbackup', text('audit-log-maxbackup'), 0, 10_000),
    },
    encryptionConfig: path('encryption-provider-config'),
    schedulerConfig: path('scheduler-config'),
    autoscaler: autoscalerSettings(values, Number(text('nodes'))),
    logLevel: oneOf('log-level', text('log-level'), ['debug', 'info', 'warn', 'error'] as const)!,
    nodeName: nodeNameOf(optional('node-name')),
    evictionTransitionMs: seconds('eviction-pressure-transition-period', text('eviction-pressure-transition-period'), 0, 86_400),
    nodeAgent: nodeAgentSettings(values),
    hasServiceLb: oneOf('service-lb', optional('service-lb') ?? 'on', ['on', 'off'] as const) === 'on',
    collectsImages: values['image-gc'] === true,
    imageHighPercent,
    imageLowPercent: integer('image-gc-low-threshold', text('image-gc-low-threshold'), 0, imageHighPercent),
    simulatedTraces: path('simulated-traces'),
    podManifestPath: path('pod-manifest-path'),
    ...addressesOf(optional('bind-address'), optional('advertise-address')),
    tlsSans: ((values['tls-san'] as string[] | undefined) ?? []).map(subjectOf),
    nodeGracePeriodMs: seconds('node-monitor-grace-period', text('node-monitor-grace-period'), 12, 3600),
    server: serverOf(optional('server')),
  }
}

function networksOf(text: (name: keyof typeof flags) => string): Pick<ClusterOptions, 'podCidr' | 'serviceCidr'> {
  const podCidr = cidr('pod-cidr', text('pod-cidr'))
  const serviceCidr = cidr('service-cidr', text('service-cidr'))
  if (podCidr === serviceCidr)
    throw new UsageError(`--service-cidr: ${JSON.stringify(serviceCidr)} is the network of pods (--pod-cidr) already`)
  return { podCidr, serviceCidr }
}

function portsOf(text: (name: keyof typeof flags) => string): Ports {
  return {
    api: port('api-port', text('api-port')),
    nodeAgent: port('node-agent-port', text('node-agent-port')),
    collector: port('collector-port', text('collector-port')),
    aggregator: port('aggregator-port', text('aggregator-port')),
    metricsApi: port('metrics-api-port', text('metrics-api-port')),
    alerts: port('alerts-port', text('alerts-port')),
    web: port('web-port', text('web-port')),
    influxdb: port('influxdb-port', text('influxdb-port')),
  }
}

/** The flags that give the same options again, for the processes that a supervisor starts. */
export function toFlags(options: ClusterOptions): string[] {
  const pairs: [keyof typeof flags, string | number | undefined][] = [
    ['data-dir', options.dataDir],
    ['nodes', options.nodes],
    ['runtime', options.runtime],
    ['docker-host', options.dockerHost],
    ['influxdb', options.influxdb],
    ['api-port', options.ports.api],
    ['node-agent-port', options.ports.nodeAgent],
    ['collector-port', options.ports.collector],
    ['aggregator-port', options.ports.aggregator],
    ['metrics-api-port', options.ports.metricsApi],
    ['alerts-port', options.ports.alerts],
    ['web-port', options.ports.web],
    ['influxdb-port', options.ports.influxdb],
    ['service-lb', options.hasServiceLb ? 'on' : 'off'],
    ['pod-cidr', options.podCidr],
    ['service-cidr', options.serviceCidr],
    ['downscale-stabilization', options.downscaleStabilizationMs / 1000],
    ['collector-interval', options.collectorIntervalMs / 1000],
    ['resolution', options.resolutionMs / 1000],
    ['alerts-config', options.alertsConfig],
    ['aggregator-config', options.aggregatorConfig],
    ['logs-config', options.logsConfig],
    ['audit-policy', options.audit.policyFile],
    ['audit-log-mode', options.audit.mode],
    ['audit-log-maxsize', options.audit.maxBytes / 1_000_000],
    ['audit-log-maxbackup', options.audit.maxBackups],
    ['encryption-provider-config', options.encryptionConfig],
    ['scheduler-config', options.schedulerConfig],
    ['node-name', options.nodeName],
    ['pod-manifest-path', options.podManifestPath],
    ['simulated-traces', options.simulatedTraces],
    ['eviction-pressure-transition-period', options.evictionTransitionMs / 1000],
    ['image-gc-high-threshold', options.imageHighPercent],
    ['image-gc-low-threshold', options.imageLowPercent],
    ['advertise-address', options.advertiseAddress],
    ['bind-address', options.bindAddress === loopback ? undefined : options.bindAddress],
    ['node-monitor-grace-period', options.nodeGracePeriodMs / 1000],
    ['server', options.server],
    ['log-level', options.logLevel],
  ]
  const given = pairs.filter(([, value]) => value !== undefined).map(([name, value]) => `--${name}=${value}`)
  const repeated = [
    ...toAutoscalerFlags(options.autoscaler),
    ...toNodeAgentFlags(options.nodeAgent),
    ...toMonitorPeerFlags(options.alertPeers),
    ...options.rules.map((file) => `--rules=${file}`),
    ...options.tlsSans.map((name) => `--tls-san=${name}`),
  ]
  return [...given, ...(options.collectsImages ? ['--image-gc'] : []), ...repeated]
}

/** The names of all nodes of this host. */
export function nodeNames(options: ClusterOptions): string[] {
  return Array.from({ length: options.nodes }, (_, index) => (index === 0 ? options.nodeName : `${options.nodeName}-${index + 1}`))
}

/** The help text of the flags. */
export function describeFlags(): string {
  return Object.entries(flags as Record<string, Flag>)
    .map(([name, flag]) => {
      const left = `  --${name}${flag.value === undefined ? '' : ` ${flag.value}`}`
      return helpRow(left, `${flag.help}${flag.fallback === undefined ? '' : ` (default ${flag.fallback})`}`, 36)
    })
    .join('\n')
}

function parseFlags(args: readonly string[]): Record<string, string | boolean | (string | boolean)[] | undefined> {
  const options = Object.fromEntries(
    Object.entries(flags as Record<string, Flag>).map(([name, flag]) => [
      name,
      { type: flag.value === undefined ? ('boolean' as const) : ('string' as const), multiple: flag.isRepeatable === true },
    ]),
  )
  try {
    return parseArgs({ args: [...args], options, strict: true, allowPositionals: false }).values
  } catch (error) {
    throw new UsageError(
      `${(error as Error).message.split('. ')[0]}. Allowed are ${Object.keys(flags)
        .map((name) => `--${name}`)
        .join(', ')}`,
    )
  }
}
