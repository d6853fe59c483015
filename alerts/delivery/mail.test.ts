import { generateKeyPairSync } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { SMTPServer } from 'smtp-server'
import type { SMTPServerOptions } from 'smtp-server'
import { afterEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../lib/clock.ts'
import { isMail } from '../routing/receiver.ts'
import { readIntegration } from '../testing/read-integration.ts'
import { createMailIntegration } from './mail.ts'
import type { Integration, Notification } from './notification.ts'
import { sampleNotification } from '../testing/sample-notification.ts'

let server: SMTPServer
let integration: Integration
const mails: { text: string; to: string[] }[] = []
const never = new AbortController().signal

afterEach(async () => {
  integration.close()
  mails.length = 0
  await new Promise<void>((resolve) => server.close(() => resolve()))
})

/** A mail server that takes everything but what `hooks` refuse, and an integration that sends to it. */
async function start(hooks: SMTPServerOptions = {}, more = '', files: Readonly<Record<string, string>> = {}): Promise<void> {
  server = new SMTPServer({
    authOptional: true,
    disableReverseLookup: true,
    hideSTARTTLS: true,
    onData: (stream, session, done) => {
      let text = ''
      stream.on('data', (chunk: Buffer) => (text += chunk.toString()))
      stream.on('end', () => {
        mails.push({ text, to: session.envelope.rcptTo.map((recipient) => recipient.address) })
        done()
      })
    },
    ...hooks,
  })
  server.on('error', () => {})
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.server.address() as AddressInfo
  const settings = readIntegration(
    `email_configs: [{to: 'ops@example.com, second@example.com', from: 'Binnacle <alerts@example.com>', smarthost: '127.0.0.1:${port}',
    ${more.includes('require_tls') ? '' : 'require_tls: false, '}tls_config: {insecure_skip_verify: true}, ${more}}]`,
  )
  if (!isMail(settings)) throw new Error('not a mail')
  integration = createMailIntegration(settings, { clock: systemClock, readFile: (path) => files[path]! })
}

function refusal(responseCode: number): Error {
  return Object.assign(new Error('refused by the test'), { responseCode })
}

function send(more: Partial<Notification> = {}) {
  return integration.send({ ...sampleNotification, ...more }, never)
}

describe('mail', () => {
  it('goes to everybody once, as text and HTML, with headers that are the same at every attempt', async () => {
    await start()
    const thread = '<0123456789abcdef-5@example.com>'
    expect(await send({ replyTo: thread })).toMatchObject({ outcome: 'delivered', reference: thread })
    expect(await send({ replyTo: thread, attempts: 1 })).toMatchObject({ outcome: 'delivered', reference: thread })
    expect(mails.map((mail) => mail.to)).toEqual([
      ['ops@example.com', 'second@example.com'],
      ['ops@example.com', 'second@example.com'],
    ])
    const [first, second] = mails.map((mail) => mail.text)
    for (const header of [
      'Message-ID: <0123456789abcdef-7@example.com>',
      'Auto-Submitted: auto-generated',
      'Subject: [FIRING:1] PodRestarting',
      'In-Reply-To: <0123456789abcdef-5@example.com>',
      'References: <0123456789abcdef-5@example.com>',
      'Date: Tue, 01 Jan 2030 00:00:30 +0000',
      'To: ops@example.com, second@example.com',
    ]) {
      expect(first).toContain(header)
    }
    expect(first).toMatch(/Content-Type: text\/plain[\s\S]+Content-Type: text\/html/)
    expect(first).toBe(second)
  })

  it('begins a thread where there is none, whatever becomes of it', async () => {
    await start({
      onData: (stream, _session, done) => {
        stream.resume()
        stream.on('end', () => done(refusal(451)))
      },
    })
    expect(await send()).toMatchObject({ outcome: 'retry', reference: '<0123456789abcdef-7@example.com>' })
  })

  it('uses the subject and headers of the configuration, and lets nobody add headers through them', async () => {
    await start({}, `headers: {Subject: '{{ .Status }} {{ .CommonLabels.evil }}', X-Team: '{{ .CommonLabels.evil }}'}`)
    const labels = { alertname: 'PodRestarting', evil: 'a\r\nBcc: victim@example.com' }
    await send({ alerts: [{ ...sampleNotification.alerts[0]!, labels }] })
    expect(mails[0]!.text).toMatch(/^Subject: firing a Bcc: victim@example.com\r?$/m)
    expect(mails[0]!.text.split('\r\n\r\n')[0]).not.toMatch(/^Bcc:/m)
    expect(mails[0]!.text.split('text/html')[1]).not.toContain('<script')
  })

  it('is tried again after a 4xx answer to the message, and given up after a 5xx', async () => {
    const codes = [451, 550]
    await start({
      onData: (stream, _session, done) => {
        stream.resume()
        stream.on('end', () => done(refusal(codes.shift()!)))
      },
    })
    expect(await send()).toMatchObject({ outcome: 'retry', reason: expect.stringMatching(/451/) })
    expect(await send()).toMatchObject({ outcome: 'failed', reason: expect.stringMatching(/550/) })
  })

  it('is tried again for those only who were refused for the moment', async () => {
    const codes: Record<string, number[]> = { 'second@example.com': [450] }
    await start({
      onRcptTo: ({ address }, _session, done) => {
        const code = codes[address]?.shift()
        done(code === undefined ? null : refusal(code))
      },
    })
    const delivery = await send()
    expect(delivery).toMatchObject({ outcome: 'retry', recipients: ['second@example.com'] })
    expect(await send({ recipients: ['second@example.com'] })).toMatchObject({ outcome: 'delivered' })
    expect(mails.map((mail) => mail.to)).toEqual([['ops@example.com'], ['second@example.com']])
  })

  it('tells who was refused for good while others were served', async () => {
    await start({ onRcptTo: ({ address }, _session, done) => done(address.startsWith('second') ? refusal(550) : null) })
    expect(await send()).toMatchObject({ outcome: 'delivered', refused: [{ recipient: 'second@example.com' }] })
  })

  it('fails where nobody is taken, and is tried again where somebody may be later', async () => {
    await start({ onRcptTo: (_address, _session, done) => done(refusal(550)) })
    expect(await send()).toMatchObject({
      outcome: 'failed',
      refused: [{ recipient: 'ops@example.com' }, { recipient: 'second@example.com' }],
    })
  })

  it('is tried again after refused credentials and broken connections', async () => {
    await start(
      { onAuth: (_auth, _session, done) => done(refusal(535)), allowInsecureAuth: true },
      'auth_username: u, auth_password: wrong',
    )
    expect(await send()).toMatchObject({ outcome: 'retry', reason: expect.stringMatching(/EAUTH/) })
    await new Promise<void>((resolve) => server.close(() => resolve()))
    expect(await send()).toMatchObject({ outcome: 'retry', reason: expect.stringMatching(/ECONNREFUSED/) })
  })

  it('insists on TLS where it is required', async () => {
    await start({ disabledCommands: ['STARTTLS'] }, 'require_tls: true')
    expect(await send()).toMatchObject({ outcome: 'retry', reason: expect.stringMatching(/ETLS|STARTTLS/) })
    expect(mails).toEqual([])
  })

  it('uses STARTTLS where it is offered', async () => {
    let isSecure: boolean | undefined
    await start(
      {
        hideSTARTTLS: false,
        onMailFrom: (_address, session, done) => {
          isSecure = session.secure
          done()
        },
      },
      'require_tls: true',
    )
    expect(await send()).toMatchObject({ outcome: 'delivered' })
    expect(isSecure).toBe(true)
  })

  it('says what own texts say, to whom a template names', async () => {
    await start(
      {},
      `headers: {Subject: '{{ .Alerts.Firing | len }} for {{ .Receiver }}', X-Pod: '{{ .CommonLabels.pod }}'},
      html: '<b>{{ .CommonAnnotations.summary }}</b>', text: 'plain {{ .CommonLabels.pod }}'`,
    )
    await send()
    expect(mails[0]!.text).toMatch(/^Subject: 1 for ops\r?$/m)
    expect(mails[0]!.text).toMatch(/^X-Pod: web-1\r?$/m)
    expect(mails[0]!.text).toContain('plain web-1')
    expect(mails[0]!.text).toContain('<b>web-1 &lt;script&gt;restarts&lt;/script&gt;</b>')
  })

  it('goes with the built-in text where an own one fails, and says so', async () => {
    await start({}, `html: '{{ .Nothing }}', text: '{{ range 1000000000 }}x{{ end }}'`)
    expect(await send()).toMatchObject({
      outcome: 'delivered',
      detail: expect.stringMatching(/a template failed, the built-in text was used/),
    })
    expect(mails[0]!.text).toContain('Firing (1)')
  })

  it('is signed with the key that its file has at the time', async () => {
    const { privateKey } = generateKeyPairSync('rsa', {
      modulusLength: 2048,
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    })
    await start({}, 'dkim: {domain: example.com, selector: s1, private_key_file: dkim.pem}', { 'dkim.pem': privateKey })
    expect(await send()).toMatchObject({ outcome: 'delivered' })
    expect(mails[0]!.text).toMatch(/^DKIM-Signature: v=1; a=rsa-sha256; c=relaxed\/relaxed; d=example.com;[\s\S]*? s=s1; bh=/m)
  })

  it('waits where a domain has had enough for now, without holding up the others', async () => {
    await start({}, 'max_per_domain_per_minute: 2')
    const recipients = ['a@one.example', 'b@one.example', 'c@one.example', 'd@two.example']
    const delivery = await send({ recipients })
    expect(delivery).toMatchObject({
      outcome: 'retry',
      reason: 'the rate limit of c@one.example is reached',
      recipients: ['c@one.example'],
    })
    expect((delivery as { afterMs: number }).afterMs).toBeGreaterThan(25_000)
    expect(mails[0]!.to).toEqual(['a@one.example', 'b@one.example', 'd@two.example'])
  })

  it('is a letter whatever labels say: no headers, no markup, no endless lines', async () => {
    await start()
    const evil = 'x\r\nBcc: evil@example.com\r\n\r\n.\r\nMAIL FROM:<evil> </td><script>alert(1)</script>\u0000\u0007'
    const labels = { alertname: evil, long: 'y'.repeat(300_000) }
    await send({ alerts: [{ ...sampleNotification.alerts[0]!, labels, annotations: { summary: evil } }], groupLabels: { alertname: evil } })
    expect(mails).toHaveLength(1)
    const { text } = mails[0]!
    expect(text.split('\r\n\r\n')[0]).not.toMatch(/^Bcc:/m)
    expect(text.split('text/html')[1]).not.toMatch(/<script/)
    expect(Math.max(...text.split('\r\n').map((line) => line.length))).toBeLessThanOrEqual(998)
    expect(mails[0]!.to).toEqual(['ops@example.com', 'second@example.com'])
  })

  it('ends at once when told to, while the server is silent', async () => {
    const { promise: reached, resolve } = Promise.withResolvers<void>()
    await start({
      onData: (stream) => {
        stream.resume()
        resolve()
      },
    })
    const stop = new AbortController()
    const sending = integration.send(sampleNotification, stop.signal)
    await reached
    stop.abort()
    expect(await sending).toMatchObject({ outcome: 'retry' })
  })
})
