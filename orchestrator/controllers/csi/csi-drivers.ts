import type { Clock } from '../../../lib/clock.ts'
import { capabilitiesOf, openCsiDriver } from '../../client/csi/csi-driver.ts'
import type { CsiDriver } from '../../client/csi/csi-driver.ts'

/** The drivers whose controller part this process calls itself, in place of sidecars. */
export interface CsiDrivers {
  readonly names: ReadonlySet<string>
  /** Connected at the first use. Rejects where the driver does not answer or is another one. */
  get(name: string): Promise<CsiController>
}

/** A driver's controller part. */
export interface CsiController {
  readonly name: string
  readonly driver: CsiDriver
  /** Names of what it can do, of the plug-in and of its controller. */
  readonly capabilities: ReadonlySet<string>
}

/** Drivers at `unix:/path`, by name. */
export function createCsiDrivers(
  endpoints: Readonly<Record<string, string>>,
  clock: Clock,
  open: (endpoint: string, clock: Clock) => CsiDriver = openCsiDriver,
): CsiDrivers {
  const drivers = new Map<string, CsiDriver>()
  const known = new Map<string, CsiController>()
  return {
    names: new Set(Object.keys(endpoints)),
    get: async (name) => {
      const present = known.get(name)
      if (present !== undefined) return present
      const driver = drivers.get(name) ?? open(endpoints[name]!, clock)
      drivers.set(name, driver)
      const controller = await greet(name, driver)
      known.set(name, controller)
      return controller
    },
  }
}

async function greet(name: string, driver: CsiDriver): Promise<CsiController> {
  const { name: own } = await driver.call('GetPluginInfo', {})
  if (own !== name) throw new Error(`the driver is ${own}, not ${name}`)
  const plugin = await capabilitiesOf(driver, 'GetPluginCapabilities')
  const controller = plugin.has('CONTROLLER_SERVICE') ? await capabilitiesOf(driver, 'ControllerGetCapabilities') : []
  return { name, driver, capabilities: new Set([...plugin, ...controller]) }
}
