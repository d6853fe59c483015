import {
  createForwardReceiver,
  createHttpReceiver,
  createSyslogReceiver,
  elasticsearchReader,
  influxReader,
  lokiReader,
  readNdjson,
  s3Reader,
} from './fake-receivers.ts'
import type { ReceivedLine } from './fake-receivers.ts'
import { describeSender } from './sender.contract.ts'

const web = ({ port, isSecure }: { readonly port: number; readonly isSecure: boolean }) =>
  `${isSecure ? 'https' : 'http'}://127.0.0.1:${port}`
const stream = ({ port, isSecure }: { readonly port: number; readonly isSecure: boolean }) =>
  `${isSecure ? 'tls' : 'tcp'}://127.0.0.1:${port}`
const secret = 'hush-hush'

describeSender({
  type: 'elasticsearch',
  isHttp: true,
  createReceiver: (tls) => createHttpReceiver(elasticsearchReader(), tls),
  options: (address) => `url: "${web(address)}", index: "logs-{namespace}-{date}", api_key: ${secret}`,
})

describeSender({
  type: 'loki',
  isHttp: true,
  createReceiver: (tls) => createHttpReceiver(lokiReader(), tls),
  options: (address) => `url: "${web(address)}", bearer_token: ${secret}`,
})

const influxText = (text: string) => {
  const clean = text.replaceAll(/(?![\t\n])\p{Cc}/gu, ' ')
  return clean.length > 64_000 ? `${clean.slice(0, 64_000 - Buffer.byteLength('… (cut)'))}… (cut)` : clean
}
describeSender({
  type: 'influxdb',
  isHttp: true,
  createReceiver: (tls) => createHttpReceiver(influxReader(), tls),
  options: (address) => `url: "${web(address)}", database: logs, token: ${secret}`,
  arrives: influxText,
})

/** Tells requests apart by what a receiver is asked to tell them apart by. */
function onceByKey(): typeof readNdjson {
  const keys = new Set<string>()
  return (body, request) => {
    const key = String(request.headers['idempotency-key'])
    const lines: readonly ReceivedLine[] = keys.has(key) ? [] : readNdjson(body, request).lines
    keys.add(key)
    return { lines }
  }
}
describeSender({
  type: 'webhook',
  isHttp: true,
  createReceiver: (tls) => createHttpReceiver(onceByKey(), tls),
  options: (address) => `url: "${web(address)}/lines", basic_auth: {username: us, password: ${secret}}`,
})

describeSender({
  type: 's3',
  isHttp: true,
  createReceiver: (tls) => createHttpReceiver(s3Reader(secret), tls),
  options: (address) => `endpoint: "${web(address)}", bucket: logs-of-tests, access_key_id: AKID, secret_access_key: ${secret}`,
})

describeSender({
  type: 'forward',
  isHttp: false,
  createReceiver: (tls) => createForwardReceiver({ sharedKey: secret, user: 'us', password: secret }, tls),
  options: (address) => `address: "${stream(address)}", shared_key: ${secret}, basic_auth: {username: us, password: ${secret}}`,
})

const escapeControl = (text: string) =>
  text.replaceAll(/(?!\t)\p{Cc}/gu, (control) => (control === '\n' ? '\\n' : `#${control.charCodeAt(0).toString(8).padStart(3, '0')}`))
/** The header of the contract's lines takes some of the bytes that a message may have. */
const syslogText = (text: string) => {
  const head =
    '<14>1 2025-11-21T09:14:32.123456Z n1 app web-1 - [origin@32473 namespace="default" pod="web-1" container="app" id="file-1-7"] '
  return escapeControl(text).slice(0, (64 << 10) - head.length)
}
describeSender({
  type: 'syslog',
  isHttp: false,
  createReceiver: (tls) => createSyslogReceiver(tls),
  options: (address) => `address: "${stream(address)}"`,
  arrives: syslogText,
})
