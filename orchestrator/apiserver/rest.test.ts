import { afterAll, beforeAll } from 'vitest'
import { systemClock } from '../../lib/clock.ts'
import { createHttpsTransport, type HttpsTransport } from '../client/https-transport.ts'
import { describeRest } from './testing/rest.contract.ts'
import { createTestCredentials, startTestServer, type TestServer } from './testing/test-server.ts'

let running: TestServer
let https: HttpsTransport
beforeAll(async () => {
  running = await startTestServer(await createTestCredentials())
  const { credentials, server } = running
  https = createHttpsTransport({
    server: `https://127.0.0.1:${server.address.port}`,
    ca: credentials.ca.cert,
    ...credentials.admin,
    clock: systemClock,
  })
})
afterAll(async () => {
  https.close()
  await running.stop()
})

describeRest('over HTTPS', () => Promise.resolve(https))
describeRest('within the process', () => Promise.resolve(running.server.transport))
