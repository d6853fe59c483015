import { FakeClock } from '../../lib/fake-clock.ts'
import { silentLog } from '../../lib/log.ts'
import { seededRandom } from '../../lib/random.ts'
import { createFakeTransport } from '../client/fake-transport.ts'
import { createInformerFactory } from '../client/informer-factory.ts'
import { createClient } from '../client/rest-client.ts'
import type { Profile } from './framework.ts'
import { createProfile, defaultConfiguration } from './profile.ts'
import type { ProfileConfiguration } from './profile.ts'
import { createPluginServices } from './registry.ts'
import type { PluginServices } from './registry.ts'

/** A profile over caches that stay empty, for tests of decisions: upstream's default plugins unless told otherwise. */
export function testProfile(services: Partial<PluginServices> = {}, configuration: Partial<ProfileConfiguration> = {}): Profile {
  const clock = new FakeClock()
  const client = createClient(createFakeTransport({ clock, random: seededRandom(1) }))
  const informers = createInformerFactory({ client, clock, log: silentLog })
  const all = { ...createPluginServices({ client, informers }), findOwnSelector: () => undefined, ...services }
  return createProfile({ ...defaultConfiguration().profiles[0]!, ...configuration }, all)
}
