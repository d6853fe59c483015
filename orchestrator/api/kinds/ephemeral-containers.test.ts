import { describe, expect, it } from 'vitest'
import type { CoreV1EphemeralContainer, CoreV1Pod } from '../generated/kinds.ts'
import { validateEphemeralContainers } from './ephemeral-containers.ts'

const pod = (...ephemeralContainers: CoreV1EphemeralContainer[]): CoreV1Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web' },
  spec: { containers: [{ name: 'main', image: 'a' }], ephemeralContainers },
})
const messages = (now: CoreV1Pod, before: CoreV1Pod) => validateEphemeralContainers(now, before).map(({ message }) => message)
const debug: CoreV1EphemeralContainer = { name: 'debug', image: 'b', targetContainerName: 'main' }

describe('ephemeral containers of a pod', () => {
  it('can be added', () => {
    expect(messages(pod(debug), pod())).toEqual([])
    expect(messages(pod(debug, { name: 'more', image: 'c' }), pod(debug))).toEqual([])
  })

  it('can be neither changed nor removed', () => {
    expect(messages(pod({ ...debug, image: 'c' }), pod(debug))).toEqual([
      'Forbidden: existing ephemeral containers "debug" may not be changed',
    ])
    expect(messages(pod(), pod(debug))).toEqual(['Forbidden: existing ephemeral containers "debug" may not be removed'])
  })

  it('need a name of their own and a target that exists', () => {
    expect(messages(pod({ name: 'main', image: 'b' }), pod())).toEqual(['Duplicate value: "main"'])
    expect(messages(pod({ ...debug, targetContainerName: 'nobody' }), pod())).toEqual(['Not found: "nobody"'])
  })
})
