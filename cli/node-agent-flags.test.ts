import { expect, it } from 'vitest'
import { parseOptions, toFlags } from './options.ts'

it('flags of node agents come back the same from the flags that are made of them', () => {
  const options = parseOptions([
    '--csi-endpoint=a.test=unix:///run/a.sock',
    '--csi-endpoint=b.test=/run/b.sock',
    '--plugin-registry-path=/var/lib/kubelet/plugins_registry',
    '--eviction-soft=memory.available<1Gi',
    '--eviction-soft-grace-period=memory.available=1m30s',
    '--eviction-minimum-reclaim=nodefs.available=500Mi',
    '--eviction-max-pod-grace-period=30',
    '--system-reserved=cpu=100m,memory=200Mi',
    '--kube-reserved=memory=100Mi',
    '--image-credential-provider-config=/etc/providers.yaml',
    '--image-credential-provider-bin-dir=/opt/providers',
    '--allowed-unsafe-sysctls=net.core.somaxconn,kernel.msg*',
  ])
  expect(options.nodeAgent.csiEndpoints).toEqual({ 'a.test': 'unix:/run/a.sock', 'b.test': 'unix:/run/b.sock' })
  expect(options.nodeAgent.allowedUnsafeSysctls).toEqual(['net.core.somaxconn', 'kernel.msg*'])
  expect(parseOptions(toFlags(options))).toEqual(options)
})

it.each([
  ['--csi-endpoint=a.test', '--csi-endpoint: "a.test" is not NAME=unix:/PATH'],
  ['--csi-endpoint=../x=unix:/s', 'is not NAME=unix:/PATH'],
  ['--csi-endpoint=a.test=tcp://h:1', 'is not NAME=unix:/PATH'],
  ['--eviction-soft=memory.available<1Gi', 'soft threshold "memory.available" needs a grace period'],
  ['--eviction-minimum-reclaim=swap=1', '"swap=1" is not SIGNAL=VALUE'],
  ['--eviction-max-pod-grace-period=long', '--eviction-max-pod-grace-period: "long" is not a number of seconds'],
  ['--image-credential-provider-bin-dir=/opt', 'go together'],
  ['--system-reserved=disk=1', '--system-reserved: "disk=1" is not RESOURCE=QUANTITY'],
  ['--kube-reserved=cpu=much', '--kube-reserved: "cpu=much" needs a quantity'],
])('%s is refused', (flag, message) => {
  expect(() => parseOptions([flag])).toThrow(message)
})
