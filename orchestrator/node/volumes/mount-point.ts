import { stat } from 'node:fs/promises'
import { dirname } from 'node:path'

/** Is something mounted here? True where the device differs from the parent's. */
export async function isMountPoint(path: string): Promise<boolean> {
  const [own, parent] = await Promise.all([stat(path).catch(() => undefined), stat(dirname(path)).catch(() => undefined)])
  return own !== undefined && parent !== undefined && own.dev !== parent.dev
}
