import type { TablePanel } from './board.ts'
import type { Scope } from './scope.ts'

/** A table of entities: CPU and memory used on average and at most over the range, beside request and limit. */
export function usageTable(scope: Scope, panel: Pick<TablePanel, 'title' | 'description' | 'rows'>): TablePanel {
  const { of, where = [], per } = scope
  const cores = { of, where, per, unit: 'short', factor: 0.001 } as const
  const bytes = { of, where, per, unit: 'bytes' } as const
  return {
    kind: 'table',
    span: 24,
    height: 9,
    ...panel,
    sortBy: 'CPU',
    queries: [
      {
        ...cores,
        metric: 'cpu/usage_rate',
        columns: [
          { aggregate: 'mean', title: 'CPU' },
          { aggregate: 'max', title: 'CPU at most' },
        ],
      },
      { ...cores, metric: 'cpu/request', columns: [{ aggregate: 'mean', title: 'CPU requested' }] },
      { ...cores, metric: 'cpu/limit', columns: [{ aggregate: 'mean', title: 'CPU limit' }] },
      {
        ...bytes,
        metric: 'memory/working_set',
        columns: [
          { aggregate: 'mean', title: 'Memory' },
          { aggregate: 'max', title: 'Memory at most' },
        ],
      },
      { ...bytes, metric: 'memory/request', columns: [{ aggregate: 'mean', title: 'Memory requested' }] },
      { ...bytes, metric: 'memory/limit', columns: [{ aggregate: 'mean', title: 'Memory limit' }] },
    ],
  }
}
