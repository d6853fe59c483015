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

  it('say with whom the monitor shares its alerts', () => {
    expect(parseOptions([]).alertPeers).toBeUndefined()
    const files = ['--alerts-peer-ca=/a', '--alerts-peer-cert=/b', '--alerts-peer-key=/c']
    const options = parseOptions(['--alerts-peers=[::1]:9095', '--alerts-name=m', ...files, '--alerts-take-over-after=1h'])
    expect(options.alertPeers).toMatchObject({
      name: 'm',
      listen: { host: '::1', port: 9095 },
      tls: { ca: '/a', cert: '/b', key: '/c' },
      lease: { namespace: 'kube-system', name: 'binnacle-aggregator-alerts', durationMs: 10_000 },
      takeOverAfterMs: 3_600_000,
    })
    expect(parseOptions(toFlags(options))).toEqual(options)
  })

  it('name the nodes of a host', () => {
    expect(nodeNames(parseOptions(['--nodes=3', '--node-name=ship']))).toEqual(['ship', 'ship-2', 'ship-3'])
  })

  it('keep a cluster on its machine unless an address for others is given, which is then listened at, too', () => {
    const of = (...args: string[]) => {
      const { bindAddress, advertiseAddress } = parseOptions(args)
      return [bindAddress, advertiseAddress]
    }
    expect(of()).toEqual(['127.0.0.1', undefined])
    expect(of('--advertise-address=192.0.2.1')).toEqual(['192.0.2.1', '192.0.2.1'])
    expect(of('--bind-address=192.0.2.1')).toEqual(['192.0.2.1', '192.0.2.1'])
    expect(of('--bind-address=0.0.0.0', '--advertise-address=192.0.2.1')).toEqual(['0.0.0.0', '192.0.2.1'])
    const options = parseOptions([
      '--bind-address=0.0.0.0',
      '--advertise-address=192.0.2.1',
      '--tls-san=a.example',
      '--server=https://h:6443',
    ])
    expect(parseOptions(toFlags(options))).toEqual(options)
  })

  it.each([
    [['--nodes=0'], '--nodes: "0" is not a whole number from 1 to 5000'],
    [['--nodes=two'], '--nodes: "two" is not a whole number'],
    [['--runtime=podman'], '--runtime: "podman" is not one of docker, simulated'],
    [['--alerts-peers=9095'], '--alerts-peers: "9095" is not allowed: must be HOST:PORT'],
    [['--alerts-name=a'], '--alerts-peers is missing'],
    [['--alerts-peers=127.0.0.1:1', '--alerts-peer-ca=a'], '--alerts-peer-ca, --alerts-peer-cert, --alerts-peer-key go together'],
    [['--api-port=70000'], '--api-port: "70000" is not a whole number from 1 to 65535'],
    [['--influxdb=ftp://x'], '--influxdb: "ftp://x" is neither an http(s) URL nor none'],
    [['--docker-host=/var/run/docker.sock'], '--docker-host: "/var/run/docker.sock" is not unix:///PATH or tcp://HOST:PORT'],
    [['--pod-cidr=10.1.2.0/24'], '--pod-cidr: "10.1.2.0/24" is not an IPv4 network of 16 bits'],
    [['--pod-cidr=10.1.2.0/16'], '--pod-cidr: "10.1.2.0/16" is not'],
    [['--pod-cidr=127.0.0.0/16'], '--pod-cidr: "127.0.0.0/16" is not'],
    [['--pod-cidr=0.0.0.0/16'], '--pod-cidr: "0.0.0.0/16" is not'],
    [['--service-cidr=169.254.0.0/16'], '--service-cidr: "169.254.0.0/16" is not'],
    [['--service-cidr=224.1.0.0/16'], '--service-cidr: "224.1.0.0/16" is not'],
    [['--service-cidr=250.1.0.0/16'], '--service-cidr: "250.1.0.0/16" is not'],
    [['--service-cidr=10.244.0.0/16'], '--service-cidr: "10.244.0.0/16" is the network of pods (--pod-cidr) already'],
    [['--node-name=Not A Name'], '--node-name: "Not A Name" is not a lower case host name'],
    [['--speed=9'], "Unknown option '--speed'"],
    [['--advertise-address=host.example'], '--advertise-address: "host.example" is not an IPv4 address'],
    [['--advertise-address=127.0.0.1'], '--advertise-address: "127.0.0.1" is not an address at which other hosts reach this one'],
    [['--bind-address=here'], '--bind-address: "here" is not an IPv4 address'],
    [['--tls-san=a b'], '--tls-san: "a b" is not a host name or IPv4 address'],
    [['--node-monitor-grace-period=5'], '--node-monitor-grace-period: "5" is not a number of seconds from 12 to 3600'],
    [['--server=http://192.0.2.1:6443'], '--server: "http://192.0.2.1:6443" is not https://HOST:PORT'],
    [['--server=https://192.0.2.1:6443/api'], '--server: "https://192.0.2.1:6443/api" is not https://HOST:PORT'],
    [['--data-dir='], '--data-dir: "" is not a path'],
    [['--rules=a', '--rules='], '--rules: "" is not a path'],
    [['--logs-config=a\0b'], String.raw`--logs-config: "a\u0000b" is not a path`],
    [['--plugin-registry-path='], '--plugin-registry-path: "" is not a path'],
    [['--resolution=0x10'], '--resolution: "0x10" is not a number of seconds from 1 to 300'],
    [['--scan-interval=1e1'], '--scan-interval: "1e1" is not a number from 1 to 86400'],
    [['--allowed-unsafe-sysctls=net.core.somaxconn,*'], '--allowed-unsafe-sysctls: "*" is neither a name'],
    [['--log-level=loud'], '--log-level: "loud" is not one of debug, info, warn, error'],
  ])('refuse %j naming flag, value and what is allowed', (args, message) => {
    expect(() => parseOptions(args)).toThrow(UsageError)
    expect(() => parseOptions(args)).toThrow(message)
  })
})
