import { fastify } from 'fastify'
import type { FastifyInstance } from 'fastify'
import { beforeEach, describe, expect, it } from 'vitest'
import { CustomWindow } from '../custom-window.ts'
import { createEntity, entityKeys } from '../entity.ts'
import { FakeWindow } from '../fake-window.ts'
import { registerModelApi } from './model-api.ts'

const start = Date.UTC(2026, 0, 1)
const at = (second: number) => new Date(start + second * 1000).toISOString()

describe('the model API', () => {
  let window: FakeWindow
  let customWindow: CustomWindow
  let server: FastifyInstance
  beforeEach(() => {
    window = new FakeWindow()
    customWindow = new CustomWindow({ windowMs: 60_000, maxBytes: 1 << 20 })
    const node = createEntity('node', entityKeys.node('n1'), { nodename: 'n1' })
    const pod = createEntity('pod', entityKeys.pod('d', 'web'), { namespace_name: 'd', pod_name: 'web', nodename: 'n1' })
    for (let second = 0; second < 10; second++) {
      window.add('cpu/usage_rate', pod, { timestamp: start + second * 1000, value: second + 0.4 })
      window.add('network/rx_rate', pod, { timestamp: start + second * 1000, value: -second / 8 })
      window.add('filesystem/usage', node, { timestamp: start + second * 1000, value: second, resource: '/' })
      window.add('filesystem/usage', node, { timestamp: start + second * 1000, value: second * 10, resource: 'logs' })
    }
    server = fastify({ routerOptions: { ignoreTrailingSlash: true } })
    server.setErrorHandler((error: Error & { statusCode?: number }, _, reply) => reply.code(error.statusCode ?? 400).send(error.message))
    registerModelApi(server, { window, customWindow, isStrict: false })
  })
  const get = async (path: string) => {
    const { statusCode, body } = await server.inject(`/api/v1/model${path}`)
    return { status: statusCode, body: statusCode === 200 ? (JSON.parse(body) as unknown) : body }
  }
  const pod = '/namespaces/d/pods/web'

  it('has both ends of a range, and fractions and signs as they are', async () => {
    const { body } = await get(`${pod}/metrics/network/rx_rate?start=${at(2)}&end=${at(4)}`)
    expect(body).toEqual({
      metrics: [2, 3, 4].map((second) => ({
        timestamp: at(second).replace('.000Z', 'Z'),
        value: -second / 8,
        floatValue: -second / 8,
      })),
      latestTimestamp: at(4).replace('.000Z', 'Z'),
    })
    expect(await get(`${pod}/metrics/cpu/usage_rate/?start=${at(9)}`)).toMatchObject({ body: { metrics: [{ value: 9 }] } })
  })

  it('lists kinds and names of workloads', async () => {
    for (const [kind, name] of [
      ['Job', 'b'],
      ['Deployment', 'web'],
      ['Job', 'a'],
    ] as const) {
      const labels = { namespace_name: 'd', workload_kind: kind, workload_name: name }
      window.add('cpu/usage_rate', createEntity('workload', entityKeys.workload('d', kind, name), labels), { timestamp: start, value: 1 })
    }
    expect(await get('/namespaces/d/workloads')).toEqual({ status: 200, body: ['Deployment', 'Job'] })
    expect(await get('/namespaces/d/workloads/Job/')).toEqual({ status: 200, body: ['a', 'b'] })
    expect(await get('/namespaces/d/workloads/Job/a/metrics')).toEqual({ status: 200, body: ['cpu/usage_rate'] })
    expect(await get('/namespaces/nope/workloads')).toEqual({ status: 200, body: [] })
  })

  it('wants the whole label set of a labelled metric', async () => {
    const path = '/nodes/n1/metrics/filesystem/usage'
    expect(await get(`${path}?labels=resource_id:logs`)).toMatchObject({ body: { metrics: { length: 10 } } })
    for (const labels of ['', '?labels=resource_id:other', '?labels=resource_id:logs,more:x', '?labels=other:logs']) {
      expect(await get(path + labels)).toMatchObject({ status: 200, body: { metrics: [] } })
    }
    expect((await get(`${path}?labels=nonsense`)).status).toBe(400)
  })

  it("has what pods export beside the catalogue's metrics: one series by its labels, all of them as their sum", async () => {
    for (const second of [0, 1]) {
      customWindow.addCustomSamples(
        ['a', 'b'].map((queue, index) => ({
          name: 'jobs',
          type: 'gauge',
          namespace: 'd',
          pod: 'web',
          labels: { queue, zone: 'x' },
          timestamp: start + second * 1000,
          value: second + index / 2,
        })),
      )
    }
    const points = (...values: number[]) => ({
      metrics: values.map((value, second) => ({ timestamp: at(second).replace('.000Z', 'Z'), value, floatValue: value })),
      latestTimestamp: at(1).replace('.000Z', 'Z'),
    })
    expect((await get(`${pod}/metrics`)).body).toContain('custom/jobs')
    expect((await get(`${pod}/metrics/custom/jobs`)).body).toEqual(points(0.5, 2.5))
    expect((await get(`${pod}/metrics/custom/jobs?labels=zone:x,queue:b`)).body).toEqual(points(0.5, 1.5))
    expect((await get(`${pod}/metrics/custom/jobs?labels=queue:b`)).body).toMatchObject({ metrics: [] })
    expect((await get(`/namespaces/d/pod-list/web,other/metrics/custom/jobs?start=${at(1)}`)).body).toMatchObject({
      items: [{ metrics: [{ value: 2.5 }] }, { metrics: [] }],
    })
    expect((await get(`${pod}/metrics/custom/none?strict=true`)).status).toBe(404)
    expect((await get('/nodes/n1/metrics/custom/jobs')).body).toMatchObject({ metrics: [] })
  })

  it('knows the old names, and lists of pods in the order of the request', async () => {
    expect(await get(`${pod}/metrics/cpu-usage`)).toEqual(await get(`${pod}/metrics/cpu/usage_rate`))
    expect(await get('/namespaces/d/pod-list/nobody,web/metrics/cpu-usage')).toMatchObject({
      body: { items: [{ metrics: [] }, { metrics: { length: 10 } }] },
    })
    expect(await get('/debug/allkeys')).toEqual({ status: 200, body: ['namespace:d/pod:web', 'node:n1'] })
    expect(await get(`${pod}/metrics/`)).toEqual({ status: 200, body: ['cpu/usage_rate', 'network/rx_rate'] })
  })

  it.each([
    ['/nodes/nobody/metrics/cpu/usage_rate', 'there is no node:nobody in the window'],
    ['/nodes/nobody/metrics', 'there is no node:nobody in the window'],
    [`${pod}/metrics/cpu/nonsense`, 'there is no metric "cpu/nonsense"'],
    ['/namespaces/nobody/pods', 'there is no namespace:nobody in the window'],
    ['/namespaces/d/pod-list/web,nobody/metrics/cpu/usage_rate', 'there is no namespace:d/pod:nobody in the window'],
  ])('%s: nothing with 200, as upstream, and 404 for who wants it', async (path, message) => {
    expect(await get(path)).toMatchObject({ status: 200 })
    const strict = await get(`${path}?strict=true`)
    expect(strict.status).toBe(404)
    expect(strict.body).toBe(message)
    expect((await get(`${path}?strict=yes`)).body).toContain('strict: "yes" is not')
  })
})
