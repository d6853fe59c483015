import type { ApiGroup } from './api-group.ts'
import { createCustomApi } from './custom-api.ts'
import { createExternalApi } from './external-api.ts'
import { ExternalValues } from './external-values.ts'
import type { ExternalValuesOptions } from './external-values.ts'
import { ObjectMetrics } from './object-metrics.ts'
import type { ObjectMetricsOptions } from './object-metrics.ts'
import { createResourceApi } from './resource-api.ts'
import type { SharedMetrics } from './resource-api.ts'
import type { ResourceMetrics } from './resource-metrics.ts'

export interface MetricsGroupsOptions extends ObjectMetricsOptions {
  readonly clock: ExternalValuesOptions['clock']
  readonly resourceMetrics: ResourceMetrics
  /** Where several aggregators share the nodes. */
  readonly sharedMetrics?: SharedMetrics | undefined
  readonly externalMetrics: ExternalValuesOptions['metrics']
  readonly query: ExternalValuesOptions['query']
}

/** The three groups of the metrics APIs. */
export function createMetricsGroups(options: MetricsGroupsOptions): readonly ApiGroup[] {
  return [
    createResourceApi(options.resourceMetrics, options.sharedMetrics),
    createCustomApi(new ObjectMetrics(options)),
    createExternalApi(new ExternalValues({ ...options, metrics: options.externalMetrics })),
  ]
}
