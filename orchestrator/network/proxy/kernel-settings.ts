import { readFile, writeFile } from 'node:fs/promises'
import type { RunCommand } from '../command.ts'

/** Kernel settings under /proc/sys, by path, e.g. `net/ipv4/ip_forward`. */
export interface KernelSettings {
  /** `undefined` where the kernel has no such setting. */
  read(path: string): Promise<string | undefined>
  /** Rejects where it may not be set. */
  write(path: string, value: string): Promise<void>
}

/** The machine's settings. */
export const kernelSettings: KernelSettings = {
  async read(path) {
    try {
      return (await readFile(`/proc/sys/${path}`, 'utf8')).trim()
    } catch {
      return undefined
    }
  },
  write: (path, value) => writeFile(`/proc/sys/${path}`, value),
}

const bridgeFiltering = 'net/bridge/bridge-nf-call-iptables'
const forwarding = 'net/ipv4/ip_forward'

/**
 * Makes frames between pods of one bridge pass the packet filter, for which the kernel's module is loaded where it is missing. Says whether they do.
 */
export async function filterBridges(settings: KernelSettings, run: RunCommand): Promise<boolean> {
  if (await turnOn(settings, bridgeFiltering)) return true
  await run('modprobe', ['br_netfilter']).catch(() => undefined)
  return turnOn(settings, bridgeFiltering)
}

/**
 * Makes sure that packets are forwarded, and that frames between pods of the same bridge pass the packet filter if the kernel can do
 * that. Says whether they do, and in `problem` what is in the way of the rest.
 */
export async function prepareKernel(settings: KernelSettings): Promise<{ readonly isBridgeFiltered: boolean; readonly problem?: string }> {
  const isBridgeFiltered = await turnOn(settings, bridgeFiltering)
  const isForwarding = await turnOn(settings, forwarding)
  return isForwarding ? { isBridgeFiltered } : { isBridgeFiltered, problem: `/proc/sys/${forwarding} is 0 and cannot be set to 1` }
}

async function turnOn(settings: KernelSettings, path: string): Promise<boolean> {
  const value = await settings.read(path)
  if (value === '1') return true
  if (value === undefined) return false
  try {
    await settings.write(path, '1')
    return (await settings.read(path)) === '1'
  } catch {
    return false
  }
}
