import { eventPlace, type SchemaName } from '../../aggregator/influx/schema.ts'

/** Which events; every part matches all by default. */
export interface EventQuery {
  /** `Normal`, `Warning`, or a variable of several values such as `$type`. */
  readonly type?: string
  /** A variable of namespaces. */
  readonly namespace?: string
  /** A variable with a regular expression, looked for in reason, object and message. */
  readonly text?: string
  readonly alias?: string
}

/**
 * Where events lie. The default schema has the whole event as JSON in one field, so conditions look into its text; `withfields` has the
 * message as the field and the rest as tags.
 */
function conditionsOf(schema: SchemaName, { type, namespace, text }: EventQuery): string {
  const parts =
    schema === 'default'
      ? [
          ...(type === undefined ? [] : [`"value" =~ /"type":"${type}"/`]),
          ...(namespace === undefined ? [] : [`"value" =~ /"namespace":"${namespace}"/`]),
          ...(text === undefined ? [] : [`"value" =~ /(?i)${text}/`]),
        ]
      : [
          ...(type === undefined ? [] : [`"type" =~ /^${type}$/`]),
          ...(namespace === undefined ? [] : [`"namespace_name" =~ /^${namespace}$/`]),
          ...(text === undefined ? [] : [`("message" =~ /(?i)${text}/ OR "reason" =~ /(?i)${text}/ OR "object_name" =~ /(?i)${text}/)`]),
        ]
  return ['"cluster_name" =~ /^$cluster$/', ...parts, '$timeFilter'].join(' AND ')
}

/** How many events in each interval. */
export function eventCountQl(schema: SchemaName, query: EventQuery): string {
  const { measurement, field } = eventPlace(schema)
  return `SELECT count("${field}") FROM "${measurement}" WHERE ${conditionsOf(schema, query)} GROUP BY time($__interval) fill(null)`
}

/** The events themselves, newest first. */
export function eventListQl(schema: SchemaName, query: EventQuery): string {
  const columns = schema === 'default' ? '"value"' : '"type", "reason", "namespace_name", "kind", "object_name", "message", "count"'
  return `SELECT ${columns} FROM "${eventPlace(schema).measurement}" WHERE ${conditionsOf(schema, query)} ORDER BY time DESC LIMIT 500`
}
