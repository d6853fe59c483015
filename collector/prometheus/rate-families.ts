import { figureNames, figures, type FigureDefinition } from '../rates.ts'
import type { ContainerFamily } from './family.ts'

/** What a unit is called in a name, and how much of it there is in one of ours; gauges that are no rates have series of their own. */
const units: Readonly<
  Partial<Record<FigureDefinition['unit'], { readonly suffix: string; readonly factor: number; readonly text: string }>>
> = {
  cores: { suffix: '_cores', factor: 1, text: 'cores' },
  percent: { suffix: '_ratio', factor: 0.01, text: 'of 1' },
  'bytes per second': { suffix: '_bytes', factor: 1, text: 'bytes per second' },
  'per second': { suffix: '', factor: 1, text: 'per second' },
}

/**
 * Ready-made rates as gauges, for readers without a query language. Percent are ratios here, as Prometheus wants them; the window that they are
 * over is a series beside them.
 */
export const rateFamilies: readonly ContainerFamily[] = [
  {
    name: 'container_rate_window_seconds',
    help: 'The span that the rates of this container are over',
    type: 'gauge',
    values: (container, emit, { ratesOf }) => emit(undefined, ratesOf(container)?.windowSeconds ?? Number.NaN),
  },
  ...figureNames.flatMap((name): ContainerFamily[] => {
    const { help, unit }: FigureDefinition = figures[name]
    const known = units[unit]
    if (known === undefined) return []
    const stem = name.replace(/_(?:cores|percent|bytes_per_second|per_second)$/, '')
    return [
      {
        name: `container_rate_${stem}${known.suffix}`,
        help: `${help}; ${known.text}`,
        type: 'gauge',
        values: (container, emit, { ratesOf }) => {
          const value = ratesOf(container)?.values[name]
          emit(undefined, value === undefined ? Number.NaN : value * known.factor)
        },
      },
    ]
  }),
]
