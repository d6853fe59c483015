import { formatQuantity, quantityFromMilli } from '../../orchestrator/api/quantity.ts'
import type { MetricRow } from '../catalog.ts'

/** What quantities can carry without losing digits on the way. */
const maxValue = 9e15

/** A figure as a quantity, to the thousandth; `undefined` for what is no number or too large for one. */
export function toQuantityText(value: number): string | undefined {
  if (!Number.isFinite(value) || Math.abs(value) > maxValue) return undefined
  return formatQuantity(quantityFromMilli(Math.round(value * 1000)))
}

/**
 * A figure of the catalogue in the unit that quantities have: cores for millicores (so that half a core is `500m`, as in requests), load for
 * milliload, everything else as the catalogue has it.
 */
export function inQuantityUnit({ unit }: MetricRow, value: number): number {
  return unit === 'millicores' || unit === 'milliload' ? value / 1000 : value
}
