import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/**
 * Lets every port of a bridge send frames back where they came from. With bridge filtering on, a pod's packet to a Service whose
 * endpoint is that pod is translated while it is still in the bridge, which would drop it.
 */
export interface HairpinPorts {
  /** Sees to ports that came since the last call. Never rejects: a port may vanish at any time. */
  ensure(): Promise<void>
}

/** The ports of a bridge under `sysfs`, e.g. `/sys`. */
export function createHairpinPorts({ sysfs, bridge }: { readonly sysfs: string; readonly bridge: string }): HairpinPorts {
  const folder = join(sysfs, 'class/net', bridge, 'brif')
  let known: ReadonlySet<string> = new Set()
  return {
    async ensure() {
      const ports = await readdir(folder).catch(() => [])
      const set = await Promise.all(ports.filter((port) => !known.has(port)).map(setHairpin))
      const failed = new Set(set.flatMap((port) => port ?? []))
      known = new Set(ports.filter((port) => !failed.has(port)))
    },
  }

  /** Gives the port back where it could not be set, so that it is tried again. */
  async function setHairpin(port: string): Promise<string | undefined> {
    try {
      await writeFile(join(folder, port, 'hairpin_mode'), '1')
      return undefined
    } catch {
      return port
    }
  }
}
