import { describe, expect, it } from 'vitest'
import { readWriteAnswer } from './influx-answer.ts'

const error = (text: string) => JSON.stringify({ error: text })

describe('an answer of InfluxDB to a write', () => {
  it.each([
    ['stores all', 204, '', { kind: 'stored' }],
    ['asks for less', 413, error('Request Entity Too Large'), { kind: 'too-large' }],
    ['lacks the database', 404, error('database not found: "k8s"'), { kind: 'retry', isMissingDatabase: true }],
    ['is overloaded', 503, '', { kind: 'retry', isMissingDatabase: false }],
    ['timed out inside', 500, error('timeout'), { kind: 'retry' }],
    ['does not know us', 401, error('authorization failed'), { kind: 'retry' }],
    ['could parse nothing', 400, error("unable to parse 'x': missing fields"), { kind: 'rejected', rejected: 100, reason: 'parse' }],
    [
      'could not parse two lines',
      400,
      error("partial write: unable to parse 'x': missing fields\nunable to parse 'y': bad timestamp dropped=0"),
      { kind: 'rejected', rejected: 2, reason: 'parse' },
    ],
    [
      'has another type',
      400,
      error(
        'partial write: field type conflict: input field "value" on measurement "cpu/usage" is type float, already exists as type integer dropped=3',
      ),
      { kind: 'rejected', rejected: 3, reason: 'field-type' },
    ],
    [
      'has too many series',
      400,
      error('partial write: max-series-per-database limit exceeded: (20) dropped=9'),
      { kind: 'rejected', rejected: 9, reason: 'series-limit' },
    ],
    [
      'keeps nothing that old',
      400,
      error('partial write: points beyond retention policy dropped=1'),
      { kind: 'rejected', rejected: 1, reason: 'retention' },
    ],
    [
      'of version 2 keeps nothing that old',
      422,
      '{"code":"unprocessable entity","message":"points outside retention policy"}',
      { kind: 'rejected', rejected: 100 },
    ],
    ['is no InfluxDB', 400, '<html>', { kind: 'rejected', rejected: 100, reason: 'other' }],
  ])('that %s', (_, status, body, outcome) => {
    expect(readWriteAnswer(status, body, 100)).toMatchObject(outcome)
  })
})
