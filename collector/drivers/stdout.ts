import type { ContainerSample, Driver, DriverOptions } from './driver.ts'

/** A line per sample on standard output: `cName=web host=node-a ts=… cpu_usage_total=…`, as cAdvisor prints them. */
export function createStdoutDriver({ print }: Extract<DriverOptions, { kind: 'stdout' }>): Driver {
  return {
    kind: 'stdout',
    isImmediate: true,
    isCompressed: false,
    encode: (samples) => [
      { bytes: Buffer.from(samples.map(lineOf).join('')), points: samples.reduce((sum, { points }) => sum + points.length, 0) },
    ],
    write: async ({ bytes }) => {
      await print(bytes.toString())
      return { result: 'done', lost: 0 }
    },
    close: () => {},
  }
}

function lineOf({ containerName, tags, timestampMs, points }: ContainerSample): string {
  const { machine = '', container_name: _, ...labels } = tags
  const fields = [
    `cName=${wordOf(containerName)}`,
    `host=${wordOf(machine)}`,
    `ts=${new Date(timestampMs).toISOString()}`,
    ...Object.entries(labels).map(([name, value]) => `${name}=${wordOf(value)}`),
    ...points.map(({ measurement, value, tags: own = {} }) => `${[measurement, ...Object.values(own).map(wordOf)].join('.')}=${value}`),
  ]
  return `${fields.join(' ')}\n`
}

/** A value that needs no quotes, else one in quotes: no name may end the line or forge a field. */
function wordOf(text: string): string {
  return /^[\w./:@-]+$/.test(text) ? text : JSON.stringify(text.toWellFormed())
}
