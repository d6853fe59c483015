import { createSocket, type Socket } from 'node:dgram'
import { isIPv6 } from 'node:net'
import type { ContainerSample, Driver, DriverOptions, EncodedBody } from './driver.ts'

/** What fits into one frame of an Ethernet network. */
const maxDatagramBytes = 1432

/** StatsD gauges over UDP: `prefix.container.measurement:value|g`. Only the newest sample of a container is sent, for StatsD knows no times. */
export function createStatsdDriver({ host, port, prefix }: Extract<DriverOptions, { kind: 'statsd' }>): Driver {
  let socket: Socket | undefined
  const open = (): Socket => {
    const made = createSocket(isIPv6(host) ? 'udp6' : 'udp4')
    made.on('error', () => {
      made.close()
      if (socket === made) socket = undefined
    })
    return made
  }
  return {
    kind: 'statsd',
    isImmediate: true,
    isCompressed: false,
    encode: (samples) => encode(samples, prefix),
    write: ({ bytes, points }) =>
      new Promise((resolve) => {
        socket ??= open()
        socket.send(bytes, port, host, (error) =>
          resolve(error === null ? { result: 'done', lost: 0 } : { result: 'done', lost: points, reason: error.message }),
        )
      }),
    close: () => {
      socket?.close()
      socket = undefined
    },
  }
}

function encode(samples: readonly ContainerSample[], prefix: string): EncodedBody[] {
  const newest = new Map(samples.map((sample) => [sample.id, sample]))
  const bodies: EncodedBody[] = []
  let text = ''
  let points = 0
  const finish = () => {
    if (points > 0) bodies.push({ bytes: Buffer.from(text, 'latin1'), points })
    text = ''
    points = 0
  }
  for (const { containerName, points: figures } of newest.values()) {
    for (const { measurement, value, tags = {} } of figures) {
      const name = [prefix, containerName, measurement, ...Object.values(tags)].map(nameOf).join('.')
      // A sign in front would change the gauge instead of setting it; nothing here is negative.
      const line = `${name}:${Math.max(0, value)}|g\n`
      if (text.length + line.length > maxDatagramBytes) finish()
      text += line
      points++
    }
  }
  finish()
  return bodies
}

const maxNameLength = 200

/** A part of a name: letters, digits, `_` and `-`; dots, colons and bars have a meaning there. */
function nameOf(text: string): string {
  return text.replaceAll(/[^a-zA-Z0-9_-]+/g, '_').slice(0, maxNameLength)
}
