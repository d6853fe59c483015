import { expect, test } from 'vitest'
import {
  describeFlagTable,
  parseDuration,
  parseFlagTable,
  parseInteger,
  parseList,
  parseOneOf,
  parseSwitch,
  parseText,
} from './flag-table.ts'

const table = {
  port: { placeholder: 'PORT', fallback: '80', help: 'where to listen', parse: parseInteger(0, 65535) },
  'docker-only': { fallback: 'false', help: 'no plain cgroups', parse: parseSwitch },
  interval: { placeholder: 'DURATION', help: 'how often', parse: parseDuration(100, 60_000) },
  drivers: { placeholder: 'LIST', fallback: '', help: 'sinks', parse: parseList(parseOneOf(['a', 'b'])) },
  name: { placeholder: 'NAME', help: 'a name', parse: parseText },
}

test('flags are taken as Go programs take them: underscores, one dash, switches with a value', () => {
  expect(parseFlagTable(['--docker_only', '-port=8080', '--interval', '30.5s', '--drivers=a,b'], table)).toEqual({
    port: 8080,
    'docker-only': true,
    interval: 30_500,
    drivers: ['a', 'b'],
    name: undefined,
  })
})

test.each([
  [['--docker-only=true', '--docker_only=false'], { 'docker-only': false }],
  [['--interval=500ms'], { interval: 500 }],
  [['--interval=1m'], { interval: 60_000 }],
  [['--drivers='], { drivers: [] }],
])('%j gives %j', (args, expected) => {
  expect(parseFlagTable(args, table)).toMatchObject(expected)
})

test.each([
  [['--nonsense'], '--nonsense is not a flag; allowed are --port, --docker-only, --interval, --drivers, --name'],
  [['--constructor=1'], '--constructor is not a flag; allowed are --port, --docker-only, --interval, --drivers, --name'],
  [['nonsense'], '"nonsense" is not a flag: flags are --name=value'],
  [['--port=99999'], '--port: "99999" is not allowed: allowed are whole numbers from 0 to 65535'],
  [['--port'], '--port needs a value: PORT'],
  [['--docker-only=maybe'], '--docker-only: "maybe" is not allowed: allowed are true and false'],
  [['--interval=1'], '--interval: "1" is not allowed: allowed are durations such as 1s, 1m30s or 500ms, from 100ms to 1m'],
  [['--interval=1s2'], '--interval: "1s2" is not allowed: allowed are durations such as 1s, 1m30s or 500ms, from 100ms to 1m'],
  [['--interval=2h'], '--interval: "2h" is not allowed: allowed are durations such as 1s, 1m30s or 500ms, from 100ms to 1m'],
  [['--drivers=a,c'], '--drivers: "a,c" is not allowed: allowed are a, b'],
  [['--port=1', ''], '"" is neither a word nor a flag'],
  [['--name='], '--name: "" is not allowed: it must not be empty'],
])('%j is refused with one line that says what is allowed', (args, message) => {
  expect(() => parseFlagTable(args, table)).toThrow(expect.objectContaining({ message, code: 'USAGE' }))
})

test('the help text has a line per flag with its default', () => {
  const lines = describeFlagTable(table).split('\n')
  expect(lines).toHaveLength(5)
  expect(lines[0]).toMatch(/^ {2}--port PORT +where to listen \(default 80\)$/)
})
