import type { AutoscalingV1Scale, CoreV1PodTemplateSpec, MetaV1LabelSelector, MetaV1ObjectMeta } from '../generated/kinds.ts'
import { invalidValue, required } from '../field-errors.ts'
import { all, count, type Rule } from '../field-rules.ts'
import type { Column, ScaleDeclaration } from '../kind-declaration.ts'
import { formatLabelSelector, matchesLabels, selectorFromMap, selectorFromObject, type LabelSelector } from '../labels.ts'
import type { KubeObject } from '../object.ts'
import type { StatusCause } from '../status-error.ts'
import { textColumn } from '../table-cells.ts'
import { validateLabelSelector } from '../validation.ts'

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

interface Scalable extends KubeObject {
  readonly spec: { readonly replicas?: number }
  readonly status?: { readonly replicas?: number }
}

interface ScaleSource {
  readonly metadata: MetaV1ObjectMeta
  readonly replicas: number
  readonly statusReplicas: number
  readonly selector: LabelSelector | undefined
}

/** The `autoscaling/v1` Scale of a workload. */
function scaleOf({ metadata, replicas, statusReplicas, selector }: ScaleSource): AutoscalingV1Scale {
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

/** Scaling of a workload whose spec has `replicas`. */
export function replicaScale<T extends Scalable>(selectorOf: (spec: T['spec']) => LabelSelector | undefined): ScaleDeclaration<T> {
  return {
    read: ({ metadata, spec, status }) =>
      scaleOf({ metadata, replicas: spec.replicas ?? 0, statusReplicas: status?.replicas ?? 0, selector: selectorOf(spec) }),
    write: (object, replicas) => ({ ...object, spec: { ...object.spec, replicas } }),
  }
}

/** A selector that must be there, and select the template's own pods. `kind` is how upstream's message calls the workload. */
export function validateTemplateSelector(
  selector: MetaV1LabelSelector | undefined,
  template: CoreV1PodTemplateSpec | undefined,
  kind: string,
): StatusCause[] {
  const field = 'spec.selector'
  if (selector === undefined) return [required(field), ...mismatch(template)]
  const causes = validateLabelSelector(selector, field)
  if (causes.length > 0) return [...causes, invalidValue(field, selector, kind === 'deployment' ? 'invalid label selector' : '')]
  const parsed = selectorFromObject(selector)!
  if (parsed.length === 0) return [invalidValue(field, selector, `empty selector is invalid for ${kind}`)]
  return validateTemplateLabels(parsed, template)
}

/** What a selector that selects nothing, or something else than the template's pods, comes to. */
export function mismatch(template: CoreV1PodTemplateSpec | undefined): StatusCause[] {
  return [invalidValue('spec.template.metadata.labels', template?.metadata?.labels ?? null, '`selector` does not match template `labels`')]
}

/** The template's labels must be what the selector looks for. */
export function validateTemplateLabels(selector: LabelSelector, template: CoreV1PodTemplateSpec | undefined): StatusCause[] {
  return matchesLabels(selector, template?.metadata?.labels) ? [] : mismatch(template)
}

const percentMessage =
  "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')"

/** A count or a percentage, as `maxSurge`. */
export const countOrPercent: Rule<string | number> = (value, field) => {
  if (typeof value === 'number') return count(value, field)
  return value === undefined || percentOf(value) !== undefined ? [] : [invalidValue(field, value, percentMessage)]
}

/** As `countOrPercent`, of things that are there: no more than all of them. */
export const share: Rule<string | number> = all(countOrPercent, (value, field) =>
  (percentOf(value) ?? 0) > 100 ? [invalidValue(field, value, 'must not be greater than 100%')] : [],
)

/** The number of a percentage; `undefined` for anything else. */
function percentOf(value: string | number | undefined): number | undefined {
  return typeof value === 'string' && /^\d+%$/.test(value) ? Number(value.slice(0, -1)) : undefined
}

/** Whether a count or percentage is none at all. What cannot be read counts as none, as upstream has it. */
export const isNone = (value: string | number | undefined) => (percentOf(value) ?? (typeof value === 'number' ? value : 0)) === 0
