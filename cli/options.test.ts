import { describe, expect, it } from 'vitest'
import { nodeNames, parseOptions, toFlags, UsageError } from './options.ts'

describe('options', () => {
  it('come back the same from the flags that are made of them', () => {
    const options = parseOptions([
      '--nodes',
      '3',
      '--runtime=simulated',
      '--influxdb=none',
      '--api-port',
      '7443',
      '--rules',
      'a.yaml',
      '--rules',
      'b.yaml',
      '--resolution=2.5',
    ])
    expect(parseOptions(toFlags(options))).toEqual(options)
    expect(options.rules).toHaveLength(2)
    expect(options.resolutionMs).toBe(2500)
  })

  it('name the nodes of a host', () => {
    expect(nodeNames(parseOptions(['--nodes=3', '--node-name=ship']))).toEqual(['ship', 'ship-2', 'ship-3'])
  })

  it.each([
    [['--nodes=0'], '--nodes: "0" is not a whole number from 1 to 5000'],
    [['--nodes=two'], '--nodes: "two" is not a whole number'],
    [['--runtime=podman'], '--runtime: "podman" is not one of docker, simulated'],
    [['--api-port=70000'], '--api-port: "70000" is not a whole number from 1 to 65535'],
    [['--influxdb=ftp://x'], '--influxdb: "ftp://x" is neither an http(s) URL nor none'],
    [['--docker-host=/var/run/docker.sock'], '--docker-host: "/var/run/docker.sock" is not unix:///PATH or tcp://HOST:PORT'],
    [['--pod-cidr=10.1.2.0/24'], '--pod-cidr: "10.1.2.0/24" is not an IPv4 network of 16 bits'],
    [['--node-name=Not A Name'], '--node-name: "Not A Name" is not a lower case host name'],
    [['--speed=9'], "Unknown option '--speed'"],
    [['--log-level=loud'], '--log-level: "loud" is not one of debug, info, warn, error'],
  ])('refuse %j naming flag, value and what is allowed', (args, message) => {
    expect(() => parseOptions(args)).toThrow(UsageError)
    expect(() => parseOptions(args)).toThrow(message)
  })
})
