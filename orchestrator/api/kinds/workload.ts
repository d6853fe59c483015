import type { AutoscalingV1Scale, CoreV1PodTemplateSpec, MetaV1LabelSelector, MetaV1ObjectMeta } from '../generated/kinds.ts'
import { invalidValue, required } from '../field-errors.ts'
import type { Column } from '../kind-declaration.ts'
import { formatLabelSelector, matchesLabels, selectorFromMap, selectorFromObject, type LabelSelector } from '../labels.ts'
import type { StatusCause } from '../status-error.ts'
import { textColumn } from '../table-cells.ts'
import { validateLabelSelector } from '../validation.ts'
import { notNegative } from './resource-validation.ts'

/** Columns that wide output of every workload ends with. */
export const templateColumns: readonly Column[] = [textColumn('Containers', 1), textColumn('Images', 1)]

/** Container names and images of a template. */
export function templateCells(template: CoreV1PodTemplateSpec | undefined): readonly string[] {
  const containers = template?.spec?.containers ?? []
  return [containers.map(({ name }) => name).join(','), containers.map(({ image }) => image ?? '').join(',')]
}

/** A selector object's text; upstream shows none as `<none>`. */
export function selectorText(selector: MetaV1LabelSelector | undefined): string {
  const parsed = selectorFromObject(selector)
  return parsed === undefined || parsed.length === 0 ? '<none>' : formatLabelSelector(parsed)
}

/** A selector map's text, or `<none>`. */
export function mapText(map: Readonly<Record<string, string>> | undefined): string {
  const parsed = selectorFromMap(map)
  return parsed.length === 0 ? '<none>' : formatLabelSelector(parsed)
}

interface ScaleSource {
  readonly metadata: MetaV1ObjectMeta
  readonly replicas: number
  readonly statusReplicas: number
  readonly selector: LabelSelector | undefined
}

/** The `autoscaling/v1` Scale of a workload. */
export function scaleOf({ metadata, replicas, statusReplicas, selector }: ScaleSource): AutoscalingV1Scale {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = metadata
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: {
      name: name!,
      ...(namespace === undefined ? {} : { namespace }),
      ...(uid === undefined ? {} : { uid }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
      ...(creationTimestamp === undefined ? {} : { creationTimestamp }),
    },
    spec: { replicas },
    status: { replicas: statusReplicas, selector: selector === undefined ? '' : formatLabelSelector(selector) },
  }
}

/** A selector that must be there and select the template's own pods. */
export function validateTemplateSelector(
  selector: MetaV1LabelSelector | undefined,
  template: CoreV1PodTemplateSpec | undefined,
): StatusCause[] {
  if (selector === undefined) return [required('spec.selector')]
  const parsed = selectorFromObject(selector)!
  if (parsed.length === 0) return [invalidValue('spec.selector', selector, 'empty selector is invalid for deployment')]
  return [...validateLabelSelector(selector, 'spec.selector'), ...validateTemplateLabels(parsed, template)]
}

/** The template's labels must be what the selector looks for. */
export function validateTemplateLabels(selector: LabelSelector, template: CoreV1PodTemplateSpec | undefined): StatusCause[] {
  const labels = template?.metadata?.labels
  if (template === undefined || matchesLabels(selector, labels)) return []
  return [invalidValue('spec.template.metadata.labels', labels ?? {}, '`selector` does not match template `labels`')]
}

/** Counts that must not be negative, by field path. */
export function validateCounts(counts: Readonly<Record<string, number | undefined>>): StatusCause[] {
  return Object.entries(counts).flatMap(([field, count]) =>
    count !== undefined && count < 0 ? [invalidValue(field, count, notNegative)] : [],
  )
}

/** A count or a percentage, as `maxSurge`. */
export function validateIntOrPercent(value: string | number | undefined, field: string): StatusCause[] {
  if (value === undefined) return []
  if (typeof value === 'number') return value < 0 ? [invalidValue(field, value, notNegative)] : []
  return /^\d+%$/.test(value)
    ? []
    : [
        invalidValue(
          field,
          value,
          "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')",
        ),
      ]
}
