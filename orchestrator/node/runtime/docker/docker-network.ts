import type Docker from 'dockerode'
import { RuntimeError } from '../runtime.ts'
import type { NetworkConfig } from '../runtime.ts'
import { callDocker, statusCodeOf, toRuntimeError } from './docker-engine.ts'
import { label } from './docker-labels.ts'

/** Linux cuts interface names at this length. */
const maxInterfaceName = 15

/**
 * Makes the pods' bridge network unless it exists. A network of that name with another subnet is refused, not changed; one with another gateway, as that
 * of a host whose range of the subnet was given to another host, is made anew: what is on it lives at addresses that are not the host's any more.
 */
export async function ensureNetwork(docker: Docker, network: NetworkConfig): Promise<void> {
  if (network.bridge.length > maxInterfaceName) {
    throw new RangeError(`network bridge "${network.bridge}": must have at most ${maxInterfaceName} characters`)
  }
  if (await hasNetwork(docker, network)) return
  try {
    await docker.createNetwork({
      Name: network.name,
      Driver: 'bridge',
      CheckDuplicate: true,
      IPAM: { Driver: 'default', Config: [{ Subnet: network.subnet, Gateway: network.gateway }] },
      Options: { 'com.docker.network.bridge.name': network.bridge },
      Labels: { [label.cluster]: network.clusterId },
    })
  } catch (error) {
    // Another node of this engine may have been quicker.
    if (statusCodeOf(error) === 409 && (await hasNetwork(docker, network))) return
    throw toRuntimeError(error)
  }
}

/** Removes the networks of a cluster. Absent is success. */
export async function removeNetworks(docker: Docker, clusterId: string): Promise<void> {
  const networks = await callDocker(() => docker.listNetworks({ filters: { label: [`${label.cluster}=${clusterId}`] } }))
  for (const network of networks) {
    await docker
      .getNetwork(network.Id)
      .remove()
      .catch((error: unknown) => {
        if (statusCodeOf(error) !== 404) throw toRuntimeError(error)
      })
  }
}

interface FoundNetwork {
  readonly Id: string
  readonly IPAM?: { readonly Config?: readonly { readonly Subnet?: string; readonly Gateway?: string }[] }
  readonly Containers?: Readonly<Record<string, unknown>>
}

async function removeWithContents(docker: Docker, { Id, Containers = {} }: FoundNetwork): Promise<void> {
  const network = docker.getNetwork(Id)
  for (const Container of Object.keys(Containers)) await network.disconnect({ Container, Force: true })
  await network.remove()
}

async function hasNetwork(docker: Docker, wanted: NetworkConfig): Promise<boolean> {
  try {
    const found = (await docker.getNetwork(wanted.name).inspect()) as FoundNetwork
    const configs = found.IPAM?.Config ?? []
    const subnets = configs.map((config) => config.Subnet)
    if (subnets.includes(wanted.subnet)) {
      if (configs.some(({ Gateway }) => Gateway === undefined || Gateway === wanted.gateway)) return true
      await removeWithContents(docker, found)
      return false
    }
    throw new RuntimeError(
      'failed',
      `Docker network "${wanted.name}" has subnet ${subnets.join(', ')}, not ${wanted.subnet}: remove it or choose that subnet`,
    )
  } catch (error) {
    if (statusCodeOf(error) === 404) return false
    throw toRuntimeError(error)
  }
}
