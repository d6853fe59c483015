import type { FlagSpec, FlagTable } from '../flag-table.ts'
import { parseDuration, parseInteger, parseList, parseOneOf, parseSwitch, parseText } from '../flag-table.ts'
import { alertPeerFlags, ruleLeaseName } from '../alert-peer-flags.ts'
import { UsageError } from '../options.ts'

const addressTypes = ['InternalIP', 'ExternalIP', 'Hostname', 'InternalDNS', 'ExternalDNS'] as const

function file(help: string) {
  return { placeholder: 'FILE', help, parse: parseText } as const
}

function parseAddress(text: string): string {
  if (!/^[\w.:-]+$/.test(text)) throw new UsageError('allowed are IP addresses and host names')
  return text
}

/**
 * Flags of `binnacle aggregator` besides `--sink`: Heapster's and metrics-server's where they have them. A flag without a fallback leaves
 * what the configuration file says.
 */
export const aggregatorFlags = {
  kubeconfig: file('how to reach the cluster (default inside of a cluster: the service account)'),
  context: { placeholder: 'NAME', help: 'context of the kubeconfig (default: its current one)', parse: parseText },
  config: file('sources, sinks, window, custom and external metrics'),
  source: {
    placeholder: 'URI',
    help: "Heapster's source: kubernetes.summary_api:[URL]?kubeletHttps=…&kubeletPort=…&insecure=…&auth=KUBECONFIG",
    parse: parseText,
  },
  'metric-resolution': { placeholder: 'DURATION', help: 'how often nodes are scraped (default 15s)', parse: parseDuration(1000, 300_000) },
  'cluster-name': { placeholder: 'NAME', help: 'the tag cluster_name (default default)', parse: parseText },
  'kubelet-port': { placeholder: 'PORT', help: 'port of kubelets whose Node names none (default 10250)', parse: parseInteger(1, 65_535) },
  'kubelet-use-node-status-port': { help: 'take the port that the Node names (default true)', parse: parseSwitch },
  'kubelet-preferred-address-types': {
    placeholder: 'LIST',
    help: `the first of these that a Node has is its address (default ${addressTypes.join(',')})`,
    parse: parseList(parseOneOf(addressTypes)),
  },
  'kubelet-request-timeout': { placeholder: 'DURATION', help: 'at most this long (default 10s)', parse: parseDuration(100, 60_000) },
  'kubelet-certificate-authority': file("authority of the kubelets' certificates (default: that of the API server)"),
  'kubelet-client-certificate': file('client certificate for kubelets (default: that of the API server)'),
  'kubelet-client-key': file('its key'),
  'kubelet-token-file': file('bearer token for kubelets (default: that of the API server)'),
  'kubelet-insecure-tls': { help: "do not check the kubelets' certificates", parse: parseSwitch },
  'node-selector': { placeholder: 'SELECTOR', help: 'scrape only nodes with these labels', parse: parseText },
  'listen-ip': { placeholder: 'ADDRESS', fallback: '127.0.0.1', help: "where Heapster's HTTP interface listens", parse: parseAddress },
  port: { placeholder: 'PORT', fallback: '8082', help: 'its port', parse: parseInteger(0, 65_535) },
  'secure-listen-ip': {
    placeholder: 'LIST',
    fallback: '127.0.0.1',
    help: 'where the metrics APIs listen (HTTPS)',
    parse: parseList(parseAddress),
  },
  'secure-port': { placeholder: 'PORT', fallback: '4443', help: 'their port', parse: parseInteger(0, 65_535) },
  'tls-cert-file': file('certificate of the metrics APIs (default: one of its own making)'),
  'tls-private-key-file': file('its key'),
  'data-dir': {
    placeholder: 'DIR',
    help: 'alerts and the page, too: states of alerts, events and what waits for a sink are kept in it',
    parse: parseText,
  },
  rules: { placeholder: 'LIST', fallback: '', help: 'files of alert rules (default: the shipped ones)', parse: parseList(parseText) },
  'alerts-config': file("who is told: routes and receivers in Alertmanager's format"),
  'alerts-port': {
    placeholder: 'PORT',
    fallback: '9093',
    help: "port of Alertmanager's API, at --listen-ip",
    parse: parseInteger(0, 65_535),
  },
  ...alertPeerFlags,
  peers: {
    ...alertPeerFlags.peers,
    help: 'share the alerts with other aggregators of the same rules, who come in here; the rest is for that',
  },
  'lease-name': { ...alertPeerFlags['lease-name'], fallback: ruleLeaseName },
  'web-port': { placeholder: 'PORT', fallback: '8080', help: 'port of the page, at --listen-ip', parse: parseInteger(0, 65_535) },
  'spool-dir': {
    placeholder: 'DIR',
    help: 'where points wait while a sink is away (default: in --data-dir, else in memory)',
    parse: parseText,
  },
  'log-level': {
    placeholder: 'LEVEL',
    fallback: 'info',
    help: 'debug, info, warn or error',
    parse: parseOneOf(['debug', 'info', 'warn', 'error']),
  },
  'print-manifests': { fallback: 'false', help: 'print what runs it in a cluster, permissions included, and end', parse: parseSwitch },
} satisfies FlagTable

const ignored = (reason: string): FlagSpec<string> => ({ placeholder: 'VALUE', help: reason, parse: (text) => text })
const ignoredSwitch = (reason: string): FlagSpec<boolean> => ({ help: reason, parse: parseSwitch })

/** Flags of Heapster and metrics-server that have nothing to act on here; with the reason. */
export const unusedAggregatorFlags = {
  'historical-source': ignored('the history is read from the first InfluxDB sink'),
  'sink-export-data-timeout': ignored('nothing waits for a sink'),
  'label-separator': ignored('labels are separated by commas'),
  'store-label': ignored('which labels are stored is an option of each sink'),
  'ignore-label': ignored('which labels are stored is an option of each sink'),
  'max-procs': ignored('there is one event loop'),
  'allowed-users': ignored('who may ask is decided by the API server'),
  'disable-export': ignoredSwitch('the export API costs nothing while nobody asks'),
  'disable-metric-sink': ignoredSwitch('the memory window is always there'),
  'cert-dir': ignored('a certificate of its own making is not kept'),
  logtostderr: ignoredSwitch('logs go to the standard output'),
  alsologtostderr: ignoredSwitch('logs go to the standard output'),
  stderrthreshold: ignored('use --log-level'),
  vmodule: ignored('use --log-level'),
  v: ignored('use --log-level'),
} satisfies FlagTable
