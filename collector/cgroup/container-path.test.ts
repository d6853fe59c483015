import { expect, test } from 'vitest'
import { parseContainerPath } from './container-path.ts'

const id = '9de678a9471715d0927b60bf588f2ba2fa23982efb5e50b74ab51277ccd68dd6'
const uid = '0b5f3c1e-7d0f-4a0e-9a52-1c3c2a7d8e11'
const slice = '/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod0b5f3c1e_7d0f_4a0e_9a52_1c3c2a7d8e11.slice'

test.each([
  [`/docker/${id}`, 'docker', undefined],
  [`/system.slice/docker-${id}.scope`, 'docker', undefined],
  [`${slice}/cri-containerd-${id}.scope`, 'containerd', uid],
  [`${slice}/crio-${id}.scope`, 'crio', uid],
  [`${slice}/docker-${id}.scope`, 'docker', uid],
  [`/kubepods/besteffort/pod${uid}/${id}`, '', uid],
  [`/kubepods/pod${uid}/${id}`, '', uid],
  [
    `/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod${'c'.repeat(32)}.slice/cri-containerd-${id}.scope`,
    'containerd',
    'c'.repeat(32),
  ],
  [`/machine.slice/libpod-${id}.scope`, 'podman', undefined],
  [`/default/${id}`, '', undefined],
])('%s is a container of %j in pod %s', (path, runtime, podUid) => {
  expect(parseContainerPath(path)).toEqual({ id, runtime, podUid })
})

test.each([
  '/',
  '/system.slice',
  slice,
  `/kubepods/pod${uid}`,
  `${slice}/crio-conmon-${id}.scope`,
  `/machine.slice/libpod-conmon-${id}.scope`,
  `/docker/${id}/init.scope`,
  `/docker/${id}0`,
  `/evil-${id}.scope`,
])('%s is no container', (path) => {
  expect(parseContainerPath(path)).toBeUndefined()
})
