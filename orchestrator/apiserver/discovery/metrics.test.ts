import { expect, test } from 'vitest'
import { RequestMetrics } from './metrics.ts'

test('figures that others count have help and the type that their name tells', () => {
  const text = new RequestMetrics().render({ apiserver_storage_objects: 7, apiserver_audit_event_total: 3 })
  expect(text).toContain(
    '# HELP apiserver_storage_objects Objects stored.\n# TYPE apiserver_storage_objects gauge\napiserver_storage_objects 7\n',
  )
  expect(text).toContain('# TYPE apiserver_audit_event_total counter\napiserver_audit_event_total 3\n')
})
