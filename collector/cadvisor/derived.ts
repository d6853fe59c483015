import type { Container } from '../container.ts'
import { percentOfMinute, shapeOfMinute } from '../history/container-history.ts'
import type { ContainerHistory, Period } from '../history/container-history.ts'
import type { Shape } from '../history/distribution.ts'
import { timeOf } from '../kubelet/container-stats.ts'
import { column } from '../metrics.ts'
import { figureNames, figures } from '../rates.ts'
import type { FigureName } from '../rates.ts'

/**
 * cAdvisor's `DerivedStats`: CPU (thousandths of a core) and memory (working set) now and over the last minute, hour and day. Percentiles
 * are those of all samples of the period; `percent_complete` says how much of it there are samples of.
 */
export function derivedStats(container: Container, history: ContainerHistory | undefined) {
  const { ring } = container
  const over = (period: Period) => {
    const shapeOf = (name: FigureName) => (period === 'minute' ? shapeOfMinute(container, name) : history?.shape(container, name, period))
    return {
      percent_complete: period === 'minute' ? percentOfMinute(container) : (history?.percentComplete(container, period) ?? 0),
      cpu: percentiles(shapeOf('cpu_usage_cores'), 1000),
      memory: percentiles(shapeOf('memory_working_set_bytes'), 1),
    }
  }
  return {
    timestamp: timeOf(ring.timestamp()),
    latest_usage: {
      cpu: Math.round(ring.rate(column.cpuUsage) / 1e6 || 0),
      memory: ring.get(column.memoryWorkingSet) || 0,
    },
    minute_usage: over('minute'),
    hour_usage: over('hour'),
    day_usage: over('day'),
  }
}

/** The same for every ready-made figure, in its own unit and not rounded. */
export function allPercentiles(container: Container, history: ContainerHistory, names: readonly FigureName[] = figureNames) {
  const over = (period: Period) => {
    const shapes = names.flatMap((name) => {
      const shape = history.shape(container, name, period)
      return shape === undefined ? [] : [[name, { unit: figures[name].unit, ...shape }] as const]
    })
    return { percent_complete: history.percentComplete(container, period), figures: Object.fromEntries(shapes) }
  }
  return { timestamp: timeOf(container.ring.timestamp()), minute: over('minute'), hour: over('hour'), day: over('day') }
}

/** cAdvisor's `Percentiles`. */
function percentiles(shape: Shape | undefined, scale: number) {
  if (shape === undefined) return { present: false, mean: 0, std: 0, max: 0, fifty: 0, ninety: 0, ninetyfive: 0, count: 0 }
  const whole = (value: number) => Math.round(value * scale)
  return {
    present: true,
    mean: whole(shape.mean),
    std: whole(shape.std),
    max: whole(shape.max),
    fifty: whole(shape.p50),
    ninety: whole(shape.p90),
    ninetyfive: whole(shape.p95),
    count: shape.count,
  }
}
