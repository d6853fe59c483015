import { systemClock } from '../../lib/clock.ts'
import { createTestCredentials, startTestServer } from '../../orchestrator/apiserver/testing/test-server.ts'
import { createHttpsTransport } from '../../orchestrator/client/https-transport.ts'
import { describeTransport } from '../../orchestrator/client/transport.contract.ts'

const credentials = await createTestCredentials()

describeTransport('in process, on the real API server', async () => {
  const test = await startTestServer(credentials)
  return { transport: test.server.transport, close: () => test.stop() }
})

describeTransport('HTTPS, on the real API server', async () => {
  const test = await startTestServer(credentials)
  const { host, port } = test.server.address
  const transport = createHttpsTransport({
    server: `https://${host}:${port}`,
    ca: credentials.ca.cert,
    ...credentials.admin,
    clock: systemClock,
  })
  return {
    transport,
    close: async () => {
      transport.close()
      await test.stop()
    },
  }
})
