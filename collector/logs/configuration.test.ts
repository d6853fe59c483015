import { expect, test } from 'vitest'
import { FileError } from '../../lib/document.ts'
import { readLogConfiguration } from './read-configuration.ts'

test('everything that can be said', () => {
  const { settings, sinks, store } = readLogConfiguration(
    'logs.yaml',
    `
sources:
  docker: {from: end}
  pods: true
  files:
    - {name: nginx, paths: [/var/log/nginx/*.log], exclude: [/var/log/nginx/debug.log], labels: {team: web}, follow_links: true}
  journal: {units: [ssh.service], from: end}
rules:
  - match: {namespace: prod, pod: ["web-*", "api-*"], selector: "app in (web)"}
    parser: {regex: '(?P<status>\\d+)'}
    multiline: {start: '^\\d', timeout: 1s, max_lines: 10}
    limit: {lines: 1000, bytes: 1MiB}
    drop: [healthz]
    keep: [x]
    sample: [{pattern: GET, one_of: 10}]
    redact: {patterns: ['\\d{16}']}
    metrics: [{name: web_seconds, type: histogram, field: took, labels: {status: status}, buckets: [1, 2]}]
    sinks: [out, store]
  - {match: {container: noisy}, exclude: true, redact: false, parser: json}
reading: {max_line: 64KiB, max_unacknowledged: 8MiB, max_held: 1GiB, max_held_files: 10, checkpoint: 500ms}
annotations: false
sinks: [{type: stdout, name: out}]
store: {max_bytes: 64MiB, max_age: 2d}
`,
  )
  expect(settings).toMatchObject({
    docker: { from: 'end' },
    pods: { path: '/var/log/pods', from: 'beginning' },
    files: [{ name: 'nginx', kind: 'file', format: 'plain', followsLinks: true, labels: { team: 'web' } }],
    journal: { units: ['ssh.service'], command: 'journalctl' },
    heedsAnnotations: false,
    reading: { maxLineBytes: 65_536, maxHeldFiles: 10, checkpointMs: 500 },
  })
  expect(settings.rules[0]).toMatchObject({
    match: { namespaces: ['prod'], pods: ['web-*', 'api-*'], selector: 'app in (web)' },
    parser: { type: 'regex', pattern: '(?P<status>\\d+)' },
    multiline: { start: '^\\d', timeoutMs: 1000, maxLines: 10 },
    limit: { linesPerSecond: 1000, bytesPerSecond: 1_048_576, burstSeconds: 5 },
    sample: [{ pattern: 'GET', oneOf: 10 }],
    metrics: [{ name: 'web_seconds', buckets: [1, 2], labels: { status: 'status' }, maxSeries: 100 }],
    sinks: ['out', 'store'],
  })
  expect(settings.rules[1]).toMatchObject({ isExcluded: true, redact: { isOn: false }, parser: { type: 'json' } })
  expect(sinks.map(({ name }) => name)).toEqual(['out'])
  expect(store).toEqual({ maxBytes: 67_108_864, maxAgeMs: 172_800_000 })
  expect(structuredClone({ settings, sinks, store })).toEqual({ settings, sinks, store })
})

test("an empty file is Docker's containers to the store", () => {
  expect(readLogConfiguration('logs.yaml', '{}')).toMatchObject({
    settings: { docker: { from: 'beginning' }, files: [] },
    sinks: [],
    store: {},
  })
})

test.each([
  ['rules: [{parser: xml}]', '1:18: rules[0].parser: "xml": allowed: json, logfmt, klog, access, none'],
  ['rules:\n  - drop: ["("]', '2:12: rules[0].drop[0]'],
  ['rules: [{parser: {regex: "(a)"}}]', 'named groups'],
  ['rules: [{sinks: [nowhere]}]', 'sinks are: store'],
  ['rules: [{limit: {}}]', 'lines or bytes must be given'],
  ['rules: [{match: {selector: "a in"}}]', 'rules[0].match.selector'],
  ['rules: [{metrics: [{name: container_x, type: counter}]}]', 'must be a Prometheus name'],
  ['rules: [{metrics: [{name: x, type: histogram}]}]', 'a histogram needs a field'],
  ['rules: [{metrics: [{name: x, type: counter, labels: {namespace: a}}]}]', 'label names'],
  ['rules: [{sample: [{pattern: a, one_of: 1}]}]', 'must be whole, at least 2'],
  ['rules: [{multiline: {start: a, timeout: 1ms}}]', 'must be from 100ms to 1m'],
  ['sources: {files: [{paths: [relative]}]}', 'must be absolute paths'],
  ['sources: {files: [{}]}', 'must name at least one path'],
  ['sources: {journal: {command: "a b; c"}}', 'must be a program'],
  ['sources: {nothing: 1}', 'unknown field; allowed here: docker, pods, files, journal'],
  ['reading: {max_line: 1}', 'must be whole'],
  ['sinks: [{type: carrier-pigeon}]', 'must be one of'],
])('%s is refused with its place and what is allowed', (text, expected) => {
  try {
    readLogConfiguration('logs.yaml', text)
    expect.unreachable()
  } catch (error) {
    expect(error).toBeInstanceOf(FileError)
    expect((error as FileError).message).toMatch(/^logs\.yaml:\d+:\d+: /)
    expect((error as FileError).message).toContain(expected)
  }
})

test('the name of the store is not to be had', () => {
  expect(() => readLogConfiguration('logs.yaml', 'sinks: [{type: stdout, name: store}]')).toThrow(/store is taken by another sink/)
})
