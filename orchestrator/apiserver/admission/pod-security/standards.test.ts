import { describe, expect, it, test } from 'vitest'
import type { CoreV1Container, CoreV1PodSecurityContext, CoreV1PodSpec, CoreV1SecurityContext } from '../../../api/generated/kinds.ts'
import { checkedOf } from './pod.ts'
import type { Level } from './policy.ts'
import { detailsText, reasonsText, violationsOf } from './standards.ts'

interface Given {
  readonly spec?: Partial<CoreV1PodSpec>
  readonly annotations?: Readonly<Record<string, string>>
  readonly level?: Level
  readonly version?: string
}

const found = ({ spec = {}, annotations = {}, level = 'baseline', version = 'latest' }: Given) =>
  violationsOf({ level, version }, checkedOf({ metadata: { annotations: { ...annotations } }, spec: { containers: [], ...spec } })!)
const problems = (given: Given) => detailsText(found(given))

const container = (name: string, more: Partial<CoreV1Container> = {}): CoreV1Container => ({ name, image: 'i', ...more })
/** A pod of one container `c`. */
const one = (securityContext: CoreV1SecurityContext, more: Partial<CoreV1PodSpec> = {}): Partial<CoreV1PodSpec> => ({
  containers: [container('c', { securityContext })],
  ...more,
})
const ofPod = (securityContext: CoreV1PodSecurityContext, more: Partial<CoreV1PodSpec> = {}): Partial<CoreV1PodSpec> => ({
  containers: [container('c')],
  securityContext,
  ...more,
})
/** What `restricted` is content with. */
const good: CoreV1SecurityContext = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
  runAsNonRoot: true,
  seccompProfile: { type: 'RuntimeDefault' },
}
const withGood = (securityContext: CoreV1SecurityContext, more: Partial<CoreV1PodSpec> = {}) => one({ ...good, ...securityContext }, more)
const volume = (name: string, type: string) => ({ name, [type]: {} })

describe('baseline', () => {
  test.each<[string, Given]>([
    ['host namespaces (hostNetwork=true, hostPID=true, hostIPC=true)', { spec: { hostIPC: true, hostNetwork: true, hostPID: true } }],
    ['', { spec: { hostIPC: false, hostNetwork: false, hostPID: false } }],
    ['privileged (container "c" must not set securityContext.privileged=true)', { spec: one({ privileged: true }) }],
    ['', { spec: one({ privileged: false }) }],
    [
      'non-default capabilities (container "c" must not include "NET_RAW", "SYS_ADMIN" in securityContext.capabilities.add)',
      { spec: one({ capabilities: { add: ['SYS_ADMIN', 'CHOWN', 'NET_RAW'] } }) },
    ],
    ['', { spec: one({ capabilities: { add: ['SYS_CHROOT', 'KILL'] } }) }],
    [
      'hostPath volumes (volumes "a", "b")',
      { spec: { volumes: [volume('a', 'hostPath'), volume('e', 'emptyDir'), volume('b', 'hostPath')] } },
    ],
    ['', { spec: { volumes: [volume('a', 'nfs')] } }],
    [
      'hostPort (containers "a", "b" use hostPorts 443, 80)',
      {
        spec: {
          containers: [
            container('a', { ports: [{ containerPort: 1, hostPort: 80 }] }),
            container('b', {
              ports: [
                { containerPort: 1, hostPort: 443 },
                { containerPort: 2, hostPort: 80 },
              ],
            }),
          ],
        },
      },
    ],
    [
      'hostPort (container "a" uses hostPort 80)',
      { spec: { containers: [container('a', { ports: [{ containerPort: 1, hostPort: 80 }] })] } },
    ],
    ['', { spec: { containers: [container('a', { ports: [{ containerPort: 1, hostPort: 0 }, { containerPort: 2 }] })] } }],
    [
      'probe or lifecycle host (containers "a", "b" use probe or lifecycle hosts "1.2.3.4", "h", "x")',
      {
        spec: {
          containers: [
            container('b', { livenessProbe: { tcpSocket: { port: 1, host: '1.2.3.4' } } }),
            container('a', {
              lifecycle: { postStart: { httpGet: { port: 1, host: 'x' } }, preStop: { tcpSocket: { port: 1, host: 'h' } } },
            }),
          ],
        },
      },
    ],
    [
      'probe or lifecycle host (container "a" uses probe or lifecycle host "h")',
      {
        spec: {
          containers: [
            container('a', {
              readinessProbe: { httpGet: { port: 1, host: 'h' } },
              startupProbe: { httpGet: { port: 1, host: 'h' } },
            }),
          ],
        },
      },
    ],
    ['', { spec: { containers: [container('a', { livenessProbe: { httpGet: { port: 1, host: '' } } })] } }],
    ['procMount (container "c" must not set securityContext.procMount to "Unmasked")', { spec: one({ procMount: 'Unmasked' }) }],
    ['', { spec: one({ procMount: 'Default' }) }],
    [
      'forbidden AppArmor profile (pod must not set AppArmor profile type to "Unconfined")',
      { spec: ofPod({ appArmorProfile: { type: 'Unconfined' } }) },
    ],
    [
      'forbidden AppArmor profiles (container "c" and annotation must not set AppArmor profile type to "Unconfined", "container.apparmor.security.beta.kubernetes.io/c="unconfined"")',
      {
        spec: one({ appArmorProfile: { type: 'Unconfined' } }),
        annotations: { 'container.apparmor.security.beta.kubernetes.io/c': 'unconfined' },
      },
    ],
    [
      '',
      {
        spec: one({ appArmorProfile: { type: 'Localhost', localhostProfile: 'p' } }),
        annotations: {
          'container.apparmor.security.beta.kubernetes.io/a': 'localhost/p',
          'container.apparmor.security.beta.kubernetes.io/b': 'runtime/default',
          'container.apparmor.security.beta.kubernetes.io/c': '',
          'example.com/profile': 'unconfined',
        },
      },
    ],
    [
      'seLinuxOptions (pod and container "c" set forbidden securityContext.seLinuxOptions: types "a_t", "b_t"; user may not be set; role may not be set)',
      {
        spec: {
          ...one({ seLinuxOptions: { type: 'a_t', user: 'u' } }),
          securityContext: { seLinuxOptions: { type: 'b_t', role: 'r' } },
        },
      },
    ],
    [
      'seLinuxOptions (container "c" set forbidden securityContext.seLinuxOptions: user may not be set)',
      { spec: one({ seLinuxOptions: { user: 'u' } }) },
    ],
    ['', { spec: one({ seLinuxOptions: { type: 'container_kvm_t', level: 's0' } }) }],
    [
      'seccompProfile (pod must not set securityContext.seccompProfile.type to "Unconfined")',
      { spec: ofPod({ seccompProfile: { type: 'Unconfined' } }) },
    ],
    [
      'seccompProfile (container "c" must not set securityContext.seccompProfile.type to "Unconfined")',
      { spec: one({ seccompProfile: { type: 'Unconfined' } }) },
    ],
    ['', { spec: one({ seccompProfile: { type: 'Localhost', localhostProfile: 'p' } }) }],
    [
      'forbidden sysctls (kernel.msgmax, net.core.somaxconn)',
      {
        spec: ofPod({
          sysctls: [
            { name: 'kernel.msgmax', value: '1' },
            { name: 'net.ipv4.tcp_rmem', value: '1' },
            { name: 'net.core.somaxconn', value: '1' },
          ],
        }),
      },
    ],
    [
      'hostProcess (pod and container "c" must not set securityContext.windowsOptions.hostProcess=true)',
      { spec: { ...one({ windowsOptions: { hostProcess: true } }), securityContext: { windowsOptions: { hostProcess: true } } } },
    ],
    ['', { spec: one({ windowsOptions: { hostProcess: false } }) }],
  ])('%s', (text, given) => {
    expect(problems(given)).toBe(text)
  })

  it('looks at containers of every sort, and says so in their order', () => {
    const privileged = { securityContext: { privileged: true } }
    const spec = {
      containers: [container('b', privileged)],
      initContainers: [container('a', privileged)],
      ephemeralContainers: [{ name: 'c', ...privileged }],
    }
    expect(problems({ spec })).toBe('privileged (containers "a", "b", "c" must not set securityContext.privileged=true)')
  })

  it('names checks in one order, and tells of many pods the reasons alone', () => {
    const spec = { ...one({ privileged: true, procMount: 'Unmasked' }), hostPID: true }
    expect(reasonsText(found({ spec }))).toBe('host namespaces, privileged, procMount')
  })
})

describe('restricted', () => {
  test.each<[string, Partial<CoreV1PodSpec>]>([
    ['', withGood({})],
    [
      'allowPrivilegeEscalation != false (container "c" must set securityContext.allowPrivilegeEscalation=false), ' +
        'unrestricted capabilities (container "c" must set securityContext.capabilities.drop=["ALL"]), ' +
        'runAsNonRoot != true (pod or container "c" must set securityContext.runAsNonRoot=true), ' +
        'seccompProfile (pod or container "c" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")',
      one({}),
    ],
    [
      'unrestricted capabilities (container "c" must set securityContext.capabilities.drop=["ALL"]; container "c" must not include "CHOWN" in securityContext.capabilities.add)',
      withGood({ capabilities: { drop: ['KILL'], add: ['CHOWN', 'NET_BIND_SERVICE'] } }),
    ],
    ['', withGood({ capabilities: { drop: ['KILL', 'ALL'], add: ['NET_BIND_SERVICE'] } })],
    ['procMount (container "c" must not set securityContext.procMount to "Unmasked")', withGood({ procMount: 'Unmasked' })],
    [
      'restricted volume types (volumes "h", "n", "u" use restricted volume types "hostPath", "nfs", "unknown")',
      withGood({}, { volumes: [volume('h', 'hostPath'), volume('n', 'nfs'), volume('c', 'csi'), { name: 'u' }] }),
    ],
    ['restricted volume types (volume "g" uses restricted volume type "gitRepo")', withGood({}, { volumes: [volume('g', 'gitRepo')] })],
    [
      '',
      withGood(
        {},
        {
          volumes: [
            'configMap',
            'csi',
            'downwardAPI',
            'emptyDir',
            'ephemeral',
            'image',
            'persistentVolumeClaim',
            'projected',
            'secret',
          ].map((type) => volume(type, type)),
        },
      ),
    ],
    [
      'runAsNonRoot != true (pod and container "c" must not set securityContext.runAsNonRoot=false)',
      withGood({ runAsNonRoot: false }, { securityContext: { runAsNonRoot: false } }),
    ],
    [
      'runAsNonRoot != true (container "c" must not set securityContext.runAsNonRoot=false)',
      withGood({ runAsNonRoot: false }, { securityContext: { runAsNonRoot: true } }),
    ],
    ['runAsUser=0 (pod and container "c" must not set runAsUser=0)', withGood({ runAsUser: 0 }, { securityContext: { runAsUser: 0 } })],
    ['', withGood({ runAsUser: 1 }, { securityContext: { runAsUser: 1000 } })],
    [
      'seccompProfile (pod must not set securityContext.seccompProfile.type to "Unconfined")',
      withGood({}, { securityContext: { seccompProfile: { type: 'Unconfined' } } }),
    ],
    ['host namespaces (hostNetwork=true)', withGood({}, { hostNetwork: true })],
  ])('%s', (text, spec) => {
    expect(problems({ spec, level: 'restricted' })).toBe(text)
  })

  it('lets the pod speak for containers that are silent', () => {
    const { runAsNonRoot, seccompProfile, ...own } = good
    const spec = { ...one(own), securityContext: { runAsNonRoot: runAsNonRoot!, seccompProfile: seccompProfile! } }
    expect(problems({ spec, level: 'restricted' })).toBe('')
  })

  it('asks of Windows pods only what they can set, and lets root be within a user namespace', () => {
    expect(problems({ spec: one({}, { os: { name: 'windows' } }), level: 'restricted' })).toMatch(/^runAsNonRoot != true \([^)]*\)$/)
    const spec = withGood({ runAsNonRoot: false, runAsUser: 0, procMount: 'Unmasked' }, { hostUsers: false })
    expect(problems({ spec, level: 'restricted' })).toMatch(/^procMount \([^)]*\)$/)
    expect(problems({ spec })).toBe('')
  })
})

describe('versions', () => {
  const seccompKey = 'container.seccomp.security.alpha.kubernetes.io/c'
  const sysctl = (name: string): Given => ({ spec: ofPod({ sysctls: [{ name, value: '1' }] }) })
  const strict = (spec: Partial<CoreV1PodSpec>): Given => ({ spec, level: 'restricted' })
  test.each<[minor: number, becomes: 'refused' | 'allowed', reason: string, given: Given]>([
    [8, 'refused', 'allowPrivilegeEscalation != false', strict(withGood({ allowPrivilegeEscalation: true }))],
    [19, 'refused', 'seccompProfile', strict(ofPod({}))],
    [19, 'allowed', 'seccompProfile', { spec: one({}), annotations: { [seccompKey]: 'unconfined' } }],
    [19, 'refused', 'seccompProfile', { spec: one({ seccompProfile: { type: 'Unconfined' } }) }],
    [22, 'refused', 'unrestricted capabilities', strict(withGood({ capabilities: {} }))],
    [23, 'refused', 'runAsUser=0', strict(withGood({ runAsUser: 0 }))],
    [25, 'allowed', 'allowPrivilegeEscalation != false', strict(withGood({ allowPrivilegeEscalation: true }, { os: { name: 'windows' } }))],
    [25, 'allowed', 'unrestricted capabilities', strict(withGood({ capabilities: {} }, { os: { name: 'windows' } }))],
    [27, 'allowed', 'forbidden sysctls', sysctl('net.ipv4.ip_local_reserved_ports')],
    [29, 'allowed', 'forbidden sysctls', sysctl('net.ipv4.tcp_keepalive_time')],
    [31, 'allowed', 'seLinuxOptions', { spec: one({ seLinuxOptions: { type: 'container_engine_t' } }) }],
    [32, 'allowed', 'forbidden sysctls', sysctl('net.ipv4.tcp_wmem')],
    [
      34,
      'refused',
      'probe or lifecycle host',
      { spec: { containers: [container('c', { livenessProbe: { tcpSocket: { port: 1, host: 'h' } } })] } },
    ],
    [35, 'allowed', 'procMount', { spec: one({ procMount: 'Unmasked' }, { hostUsers: false }) }],
    [35, 'allowed', 'runAsNonRoot != true', strict(withGood({ runAsNonRoot: false }, { hostUsers: false }))],
    [35, 'allowed', 'runAsUser=0', strict(withGood({ runAsUser: 0 }, { hostUsers: false }))],
  ])('from v1.%i on %s: %s', (minor, becomes, reason, given) => {
    const has = (version: string) => found({ ...given, version }).some((violation) => violation.reason === reason)
    expect(has(`v1.${minor - 1}`)).toBe(becomes === 'allowed')
    for (const version of [`v1.${minor}`, 'v1.99', 'latest']) expect(has(version)).toBe(becomes === 'refused')
  })

  it('words annotations of old versions as they were set', () => {
    const annotations = { [seccompKey]: 'a', 'seccomp.security.alpha.kubernetes.io/pod': 'b' }
    expect(problems({ spec: one({}), annotations, version: 'v1.18' })).toBe(
      `seccompProfile (forbidden annotations ${seccompKey}="a", seccomp.security.alpha.kubernetes.io/pod="b")`,
    )
    expect(problems({ spec: one({}), annotations: { [seccompKey]: 'docker/default' }, version: 'v1.18' })).toBe('')
  })

  it('has one check of a thing where both levels have one', () => {
    const spec = { ...one({ capabilities: { add: ['NET_RAW'] } }), volumes: [volume('h', 'hostPath')] }
    expect(reasonsText(found({ spec, level: 'restricted', version: 'v1.21' }))).toBe(
      'non-default capabilities, allowPrivilegeEscalation != false, restricted volume types, runAsNonRoot != true, seccompProfile',
    )
    expect(reasonsText(found({ spec, level: 'restricted' }))).toBe(
      'allowPrivilegeEscalation != false, unrestricted capabilities, restricted volume types, runAsNonRoot != true, seccompProfile',
    )
  })

  it('has nothing against anything where all is privileged', () => {
    expect(found({ spec: { hostNetwork: true, hostPID: true }, level: 'privileged' })).toEqual([])
  })
})
