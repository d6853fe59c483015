import type { FastifyInstance } from 'fastify'
import { labelNamePattern } from '../state/labels.ts'
import { ApiError } from './api-error.ts'
import { formatTime, readObject, readText, readTexts } from './body.ts'
import type { ApiContext } from './server.ts'

const maxTextLength = 1000

/** `/api/v1/alerts/{fingerprint}/acknowledge`, `/api/v1/acknowledgements` and `/api/v1/test`. */
export function serveActions(server: FastifyInstance, context: ApiContext): void {
  const { alerts, notifier, clock } = context
  const find = (fingerprint: string) => {
    const alert = alerts.find(fingerprint.toLowerCase())
    if (alert === undefined || (alert.endsAt ?? Infinity) <= clock.now())
      throw new ApiError(404, `no alert fires with fingerprint ${fingerprint}`)
    return alert
  }
  server.post<{ Params: { fingerprint: string } }>('/api/v1/alerts/:fingerprint/acknowledge', async (request) => {
    const fields = request.body === undefined ? {} : readObject(request.body, 'acknowledgement')
    const [by, comment] = ['by', 'comment'].map((name) => readText(fields[name], name, '').slice(0, maxTextLength))
    const { at, ...rest } = await notifier.acknowledgements.acknowledge(find(request.params.fingerprint), by!, comment!)
    return { ...rest, at: formatTime(at), startsAt: formatTime(rest.startsAt) }
  })
  server.delete<{ Params: { fingerprint: string } }>('/api/v1/alerts/:fingerprint/acknowledge', async (request, reply) => {
    const wasThere = await notifier.acknowledgements.withdraw(find(request.params.fingerprint))
    if (!wasThere) throw new ApiError(404, 'the alert is not acknowledged')
    return reply.code(200).send()
  })
  server.get('/api/v1/acknowledgements', () =>
    notifier.acknowledgements
      .list()
      .filter(({ fingerprint, startsAt }) => alerts.find(fingerprint)?.startsAt === startsAt)
      .map((acknowledgement) => ({
        ...acknowledgement,
        startsAt: formatTime(acknowledgement.startsAt),
        at: formatTime(acknowledgement.at),
        labels: alerts.find(acknowledgement.fingerprint)!.labels,
      })),
  )
  server.post('/api/v1/test', async (request) => {
    const fields = request.body === undefined ? {} : readObject(request.body, 'test')
    const receiver = readText(fields['receiver'], 'receiver', '')
    const { receivers } = notifier.configuration
    if (receiver !== '' && !receivers.has(receiver)) {
      throw new ApiError(404, `no such receiver: ${receiver}; there are ${[...receivers.keys()].join(', ')}`)
    }
    const labels = readTexts(fields['labels'], 'labels')
    for (const name of Object.keys(labels))
      if (!labelNamePattern.test(name)) throw new ApiError(400, `invalid name ${JSON.stringify(name)}`)
    return { results: await notifier.test({ labels, ...(receiver !== '' && { receiver }) }) }
  })
}
