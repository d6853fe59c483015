import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DocumentReader } from '../../../lib/document.ts'
import { readLogSinks } from './sinks.ts'

function read(text: string): ReturnType<typeof readLogSinks> {
  const reader = new DocumentReader('logs.yaml', text)
  const sinks = readLogSinks(reader, reader.root)
  reader.finish()
  return sinks
}

describe('the configuration of log sinks', () => {
  let dir: string
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'log-sinks-'))
    await writeFile(join(dir, 'secret'), 'hush\n')
  })
  afterAll(() => rm(dir, { recursive: true }))

  it('is plain data with every default filled in', () => {
    const [sink] = read('[{type: webhook, url: "https://example.com/lines"}]')
    expect(structuredClone(sink)).toEqual(sink)
    expect(sink).toMatchObject({
      name: 'webhook',
      type: 'webhook',
      delivery: { maxLines: 2000, maxDelayMs: 500, concurrency: 2, onFull: 'spool', spoolBytes: 1 << 30, whenSpoolFull: 'wait' },
    })
  })

  it('takes what is said of the delivery', () => {
    const [sink] = read(`
- type: elasticsearch
  name: search
  url: https://example.com:9200/
  index: logs-{namespace}-{date}
  batch: {max_lines: 100, max_bytes: 1MiB, max_delay: 2s}
  concurrency: 8
  timeout: 5s
  memory: {max_bytes: 8MiB}
  on_full: spool
  spool: {max_bytes: 10GiB, when_full: drop-oldest}
  give_up_after: 3d
  dead_letters: {max_bytes: 0}
`)
    expect(sink!.delivery).toEqual({
      maxLines: 100,
      maxBytes: 1 << 20,
      maxDelayMs: 2000,
      concurrency: 8,
      timeoutMs: 5000,
      memoryBytes: 8 << 20,
      onFull: 'spool',
      spoolBytes: 10 * 2 ** 30,
      whenSpoolFull: 'drop-oldest',
      giveUpAfterMs: 3 * 86_400_000,
      deadLetterBytes: 0,
    })
    expect((sink!.options as { url: string }).url).toMatch(/^https:\/\/example\.com:9200\/_bulk\?filter_path=/)
  })

  it('finds every mistake and says where it is and what is allowed', () => {
    const address = 'https://us:hush@example.com'
    const mistakes = `
- {type: elastic}
- {name: nothing}
- {type: webhook}
- {type: webhook, name: two, url: ftp://example.com}
- {type: webhook, name: two, url: "https://example.com", colour: red}
- {type: webhook, name: three, url: "${address}"}
- {type: webhook, name: Four, url: "https://example.com", batch: {max_lines: 0, max_delay: soon}}
- {type: webhook, name: five, url: "https://example.com", headers: {Host: x, "a b": c}}
- {type: webhook, name: six, url: "https://example.com", bearer_token: a, bearer_token_file: ${dir}/secret}
- {type: webhook, name: seven, url: "https://example.com", tls: {ca_file: /nowhere/ca.pem, cert_file: ${dir}/secret}}
- {type: file, path: relative.log}
- {type: stdout, concurrency: 2}
- {type: s3, bucket: B, access_key_id: a}
- {type: loki, url: "https://example.com", labels: [pod, message]}
- {type: influxdb, url: "https://example.com"}
- {type: syslog, address: "udp://example.com", facility: local9}
- {type: forward, address: "tcp://example.com", basic_auth: {username: us}}
- {type: elasticsearch, name: eight, url: "https://example.com", index: "Logs"}
- {type: webhook, name: ten, url: "https://example.com", pasword: hush, hmac_secret: "hush\u00e4"}
- {type: webhook, name: nine, url: "https://example.com", on_full: wait, spool: {max_bytes: 1GiB}}
`
    const half = mistakes.split('\n')
    const problems = [half.slice(0, 11), half.slice(11)].map((lines) => {
      try {
        read(lines.join('\n'))
        return ''
      } catch (error) {
        return (error as Error).message
      }
    })
    const all = problems.join('\n')
    for (const said of [
      '[0].type: "elastic": must be one of elasticsearch, file, forward, influxdb, loki, s3, stdout, syslog, webhook',
      'type must be one of',
      'url is missing',
      'must be an address that begins with https:// or http://',
      '"two": two is taken by another sink',
      '[4]: a mapping: unknown field colour; allowed here: type, name, format, url',
      'unknown field pasword',
      'hmac_secret must be printable ASCII',
      'must not hold a password',
      '"Four": must be 1 to 63 lower-case letters',
      '.batch.max_lines: 0: must be whole, from 1 to 100000',
      '.batch.max_delay: "soon": must be a duration such as 30s',
      'cannot have the field "host"',
      'cannot have the field "a b"',
      'cannot be given together with bearer_token',
      '/nowhere/ca.pem": cannot be read: ENOENT',
      'key_file go together',
      'must be absolute',
      'unknown field concurrency',
      '"B": must be the name of a bucket',
      'secret_access_key_file is missing',
      'allowed: namespace, pod, container, node, app, stream, level',
      'database or bucket is missing',
      'local9": allowed: kern',
      'shared_key is missing',
      '"Logs": must be lower-case letters',
      'is of no use with on_full: wait',
    ]) {
      expect(all).toContain(said)
    }
    expect(all).not.toContain('hush')
  })

  it('reads secrets from files when they are needed', () => {
    const [sink] = read(`[{type: loki, url: "https://example.com", bearer_token_file: ${dir}/secret}]`)
    expect(JSON.stringify(sink)).not.toContain('hush')
  })
})
