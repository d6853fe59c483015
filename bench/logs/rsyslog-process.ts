import { spawn, type ChildProcess } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { unpackPackage } from '../../cli/setup/unpacked-package.ts'

const cache = fileURLToPath(new URL('../../.cache/debian', import.meta.url))
const architecture = process.arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu'

/** How lines are sent: over TCP as they are, or by Elasticsearch's bulk API, which is the one way of Debian's that has acknowledgements over HTTP. */
export type RsyslogSending = 'tcp' | 'bulk'

const actions: Readonly<Record<RsyslogSending, (port: number) => string>> = {
  tcp: (port) =>
    `action(type="omfwd" target="127.0.0.1" port="${port}" protocol="tcp" template="raw" queue.type="LinkedList" queue.size="100000")`,
  bulk: (port) =>
    `module(load="omelasticsearch")
action(type="omelasticsearch" server="127.0.0.1" serverport="${port}" searchIndex="logs" bulkmode="on" maxbytes="4m" template="plain"
  queue.type="LinkedList" queue.size="100000" queue.dequeuebatchsize="2000" action.resumeretrycount="-1")`,
}

/** Debian's rsyslogd, unpacked and not installed: it reads `<folder>/logs/*.log` and sends each line to a port of this machine. */
export function startRsyslog(folder: string, sending: RsyslogSending, port: number): ChildProcess {
  const [program, bulk, ...libraries] = ['rsyslog', 'rsyslog-elasticsearch', 'libestr0', 'libfastjson4'].map((name) => {
    const programs = unpackPackage(name, cache, () => {})
    if (programs === undefined) throw new Error(`Debian's package ${name} cannot be had`)
    return join(programs, '../..')
  }) as [string, string, string, string]
  const own = join(folder, `rsyslog-${sending}`)
  mkdirSync(own)
  const configuration = join(own, 'rsyslog.conf')
  writeFileSync(
    configuration,
    `global(workDirectory="${own}" maxMessageSize="64k")
module(load="imfile")
input(type="imfile" File="${folder}/logs/*.log" Tag="bench")
template(name="raw" type="string" string="%msg%\\n")
template(name="plain" type="string" string="%msg%")
${actions[sending](port)}
`,
  )
  const modules = [program, bulk].map((root) => join(root, 'usr/lib', architecture, 'rsyslog'))
  const paths = libraries.flatMap((root) => [join(root, 'usr/lib', architecture), join(root, 'lib', architecture)])
  return spawn(join(program, 'usr/sbin/rsyslogd'), ['-n', '-iNONE', '-f', configuration, '-M', modules.join(':')], {
    env: { LD_LIBRARY_PATH: paths.join(':') },
    stdio: 'ignore',
  })
}
