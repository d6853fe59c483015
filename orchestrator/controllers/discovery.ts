import type { Clock } from '../../lib/clock.ts'
import type { Kind } from '../api/object.ts'
import type { Client } from '../client/client.ts'
import { messageOf } from './refusal.ts'

/** How long an answer of discovery is good for. */
const freshMs = 1_000

interface ResourceList {
  readonly resources: readonly {
    readonly name: string
    readonly kind: string
    readonly namespaced: boolean
    readonly verbs: readonly string[]
  }[]
}

interface GroupList {
  readonly groups: readonly { readonly name: string; readonly preferredVersion: { readonly groupVersion: string } }[]
}

/** Kinds that the server has now, one version each, and the group versions that could not be asked, each with why. */
export interface DiscoveredKinds {
  readonly kinds: readonly Kind[]
  readonly failures: readonly string[]
}

/** Answers the namespaced kinds that can be listed and deleted, custom and aggregated ones included. */
export type DiscoverNamespaced = () => Promise<DiscoveredKinds>

/** Discovery through the server's resource lists, remembered for a moment. */
export function createDiscovery({ client, clock }: { readonly client: Client; readonly clock: Clock }): DiscoverNamespaced {
  let remembered: { readonly until: number; readonly answer: Promise<DiscoveredKinds> } | undefined
  return () => {
    if (remembered === undefined || remembered.until < clock.monotonic()) {
      const answer = discover(client)
      answer.catch(() => (remembered = undefined))
      remembered = { until: clock.monotonic() + freshMs, answer }
    }
    return remembered.answer
  }
}

async function discover(client: Client): Promise<DiscoveredKinds> {
  const { groups } = await client.raw<GroupList>('/apis')
  const versions = [{ path: '/api/v1', group: '', version: 'v1' }]
  for (const { name, preferredVersion } of groups) {
    const [, version] = preferredVersion.groupVersion.split('/')
    versions.push({ path: `/apis/${preferredVersion.groupVersion}`, group: name, version: version! })
  }
  const kinds: Kind[] = []
  const failures: string[] = []
  await Promise.all(
    versions.map(async ({ path, group, version }) => {
      try {
        const { resources } = await client.raw<ResourceList>(path)
        for (const { name, kind, namespaced, verbs } of resources) {
          if (!namespaced || name.includes('/') || !verbs.includes('list') || !verbs.includes('delete')) continue
          kinds.push({ group, version, kind, plural: name, isNamespaced: true })
        }
      } catch (error) {
        failures.push(`${group === '' ? version : `${group}/${version}`}: ${messageOf(error)}`)
      }
    }),
  )
  return { kinds, failures }
}
