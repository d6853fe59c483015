import type { Container } from '../container.ts'
import type { ContainerHistory, HistorySpan } from '../history/container-history.ts'
import { timeOf } from '../kubelet/container-stats.ts'
import { defaultRateWindowMs, figureNames, figures, ratesOf } from '../rates.ts'
import type { FigureName, Rates } from '../rates.ts'
import { CadvisorError, parseDuration, parseSpan } from './request.ts'
import type { Query } from './request.ts'

const defaultSpanMs = 60 * 60_000

/** Nothing older is held. */
const longestSpanMs = 24 * defaultSpanMs

/** Names of figures in a query, `figures=cpu_usage_cores,tasks`; all where nothing is said. */
export function figuresIn(query: Query): readonly FigureName[] {
  const value = query['figures']
  if (value === undefined || value === '') return figureNames
  return value.split(',').map((name) => {
    const known = figureNames.find((candidate) => candidate === name)
    if (known === undefined)
      throw new CadvisorError(`figures: ${JSON.stringify(name)} is not allowed, of ${figureNames.join(', ')} any are`)
    return known
  })
}

/** Ready-made rates of a container; `window=10s` says over how long. */
export function ratesJson(container: Container, query: Query) {
  const windowMs = query['window'] === undefined ? defaultRateWindowMs : parseDuration('window', query['window'])
  const rates = ratesOf(container, windowMs)
  const { description, nearest } = container
  return {
    ...(rates === undefined ? {} : ratesValues(rates)),
    ...(description.aliases.length === 0 ? {} : { aliases: description.aliases }),
    ...(description.image === '' ? {} : { image: description.image }),
    ...(description.pod === undefined ? {} : { pod: description.pod }),
    started: timeOf(description.startedMs),
    ...(description.health === undefined ? {} : { health: description.health }),
    nearest_limits: {
      ...(nearest.cpu === undefined ? {} : { cpu: { cores: nearest.cpu.cores, of: nearest.cpu.of } }),
      ...(nearest.memory === undefined ? {} : { memory: { bytes: nearest.memory.bytes, of: nearest.memory.of } }),
    },
  }
}

function ratesValues({ timestampMs, windowSeconds, values }: Rates) {
  return { timestamp: timeOf(timestampMs), window_seconds: Math.round(windowSeconds * 1000) / 1000, figures: values }
}

/** A container's course between `start` (an hour ago) and `end` (now), in steps of `step` at least. */
export function historySpan(container: Container, history: ContainerHistory, query: Query, nowMs: number): HistorySpan {
  const { startMs, endMs = nowMs, stepMs } = parseSpan(query, nowMs)
  return history.span(container, {
    startMs: Math.max(startMs ?? endMs - defaultSpanMs, nowMs - longestSpanMs),
    endMs,
    names: figuresIn(query),
    ...(stepMs === undefined ? {} : { stepMs }),
  })
}

/** The same as JSON. */
export function historyJson({ startMs, endMs, stepMs, resolutionMs, times, figures: courses }: HistorySpan) {
  return {
    start: timeOf(startMs),
    end: timeOf(endMs),
    step_seconds: stepMs / 1000,
    /** 0: from the samples themselves. */
    resolution_seconds: resolutionMs / 1000,
    times: times.map((ms) => ms / 1000),
    figures: Object.fromEntries(
      Object.entries(courses).map(([name, course]) => [name, { unit: figures[name as FigureName].unit, ...course }]),
    ),
  }
}

/** The same as a table: a line per step, a column per figure with its average, empty where there was no sample. */
export function historyCsv({ times, figures: courses }: HistorySpan): string {
  const names = Object.keys(courses) as FigureName[]
  const lines = times.map((ms, index) => [new Date(ms).toISOString(), ...names.map((name) => courses[name]!.mean[index] ?? '')].join(','))
  return `${['time', ...names].join(',')}\n${lines.join('\n')}\n`
}
