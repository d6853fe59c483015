import { expect, test } from 'vitest'
import type { CoreV1PodSpec } from '../../api/generated/kinds.ts'
import { rejectionOf } from './node-admission.plan.ts'
import type { NodeTerms } from './node-admission.plan.ts'
import { observed, testContainer, testPod, view } from './pod-fixtures.ts'
import { isRestartable } from './pod-view.ts'
import { planPod } from './sync-pod.plan.ts'

const terms: NodeTerms = { allowedUnsafeSysctls: ['kernel.msg*', 'net.core.somaxconn'], hasAppArmor: false, hasStrictGroups: false }
const sysctl = (name: string, spec: Partial<CoreV1PodSpec> = {}): Partial<CoreV1PodSpec> => ({
  ...spec,
  securityContext: { sysctls: [{ name, value: '1' }] },
})

test.each<[string, Partial<CoreV1PodSpec>, string | undefined]>([
  ['a safe parameter', sysctl('net.ipv4.tcp_syncookies'), undefined],
  ['a safe one, written with slashes', sysctl('kernel/shm_rmid_forced'), undefined],
  ['an unsafe one', sysctl('kernel.sem'), 'SysctlForbidden: forbidden sysctl: "kernel.sem" not allowlisted'],
  ['an unsafe one that is allowed', sysctl('net.core.somaxconn'), undefined],
  ['one of a branch that is allowed', sysctl('kernel.msgmax'), undefined],
  [
    'one of the network that is the host’s',
    sysctl('net.ipv4.tcp_syncookies', { hostNetwork: true }),
    'SysctlForbidden: forbidden sysctl: "net.ipv4.tcp_syncookies" not allowed with host net enabled',
  ],
  [
    'one of a namespace that is the host’s',
    sysctl('kernel.msgmax', { hostIPC: true }),
    'SysctlForbidden: forbidden sysctl: "kernel.msgmax" not allowed with host ipc enabled',
  ],
  [
    'exactly these groups where the runtime adds others',
    { securityContext: { supplementalGroupsPolicy: 'Strict' } },
    'SupplementalGroupsPolicyNotSupported: SupplementalGroupsPolicy=Strict is not supported in this node',
  ],
  ['these groups among others', { securityContext: { supplementalGroupsPolicy: 'Merge' } }, undefined],
  [
    'AppArmor where the kernel has none',
    { containers: [testContainer('a', { securityContext: { appArmorProfile: { type: 'RuntimeDefault' } } })] },
    'AppArmor: Cannot enforce AppArmor: AppArmor is not enabled on the host',
  ],
  ['no AppArmor there', { securityContext: { appArmorProfile: { type: 'Unconfined' } } }, undefined],
])('%s', (_, spec, expected) => {
  const rejection = rejectionOf(testPod(spec), terms)
  expect(rejection === undefined ? undefined : `${rejection.reason}: ${rejection.message}`).toBe(expected)
})

test('a pod that the node does not take fails before anything of it runs; one that runs already goes on', () => {
  const rejection = { reason: 'SysctlForbidden', message: 'no' }
  expect(planPod(view({ rejection, sandboxes: [] }), 0)).toEqual({ actions: [], hasEnded: true, failure: rejection })
  expect(planPod(view({ rejection, containers: [observed('main', 'running')] }), 0).hasEnded).toBe(false)
})

const rule = (operator: string, ...values: number[]) => ({ action: 'Restart', exitCodes: { operator, values } })

test.each([
  ['the pod’s policy', {}, 'Always', 0, true],
  ['its own policy before the pod’s', { restartPolicy: 'Never' }, 'Always', 1, false],
  ['its own policy before the pod’s, the other way', { restartPolicy: 'OnFailure' }, 'Never', 1, true],
  ['a rule that names the exit code', { restartPolicy: 'Never', restartPolicyRules: [rule('In', 42)] }, 'Never', 42, true],
  ['no rule for another exit code', { restartPolicy: 'Never', restartPolicyRules: [rule('In', 42)] }, 'Never', 43, false],
  ['a rule for all other exit codes', { restartPolicy: 'Never', restartPolicyRules: [rule('NotIn', 0, 1)] }, 'Never', 2, true],
])('an ended container is started again by %s', (_, more, restartPolicy, exitCode, expected) => {
  const container = testContainer('main', more)
  expect(isRestartable(testPod({ containers: [container], restartPolicy }), container, exitCode)).toBe(expected)
})
