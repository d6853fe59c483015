import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ensureCredentials } from './credentials.ts'
import { readPair } from './key-pair.ts'
import { DataFolderError, findDataFolder, openDataFolder, presentDataDir } from './data-folder.ts'
import { gatewayOf, podCidrOfNode, serviceAddress } from './network-layout.ts'

describe('data folder', () => {
  let root: string
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'binnacle-data-'))
  })
  afterEach(() => rmSync(root, { recursive: true }))

  it('is found from folders inside of its project, and not from another project inside', () => {
    const [inner, other] = [join(root, 'examples', 'manifests'), join(root, 'other', 'examples')]
    for (const folder of [inner, other]) mkdirSync(folder, { recursive: true })
    writeFileSync(join(root, 'package.json'), '{}')
    writeFileSync(join(root, 'other', 'package.json'), '{}')
    expect(presentDataDir(inner)).toBe(join(inner, '.binnacle'))
    openDataFolder(join(root, '.binnacle'))
    expect([root, inner].map((folder) => presentDataDir(folder))).toEqual([join(root, '.binnacle'), join(root, '.binnacle')])
    expect(presentDataDir(other)).toBe(join(other, '.binnacle'))
    openDataFolder(join(inner, '.binnacle'))
    expect(presentDataDir(inner)).toBe(join(inner, '.binnacle'))
  })

  it('keeps its cluster id', () => {
    const folder = openDataFolder(join(root, 'data'))
    expect(folder.clusterId).toMatch(/^[0-9a-f]{8}$/)
    expect(openDataFolder(join(root, 'data')).clusterId).toBe(folder.clusterId)
    expect(findDataFolder(join(root, 'data'))?.clusterId).toBe(folder.clusterId)
    expect(findDataFolder(join(root, 'elsewhere'))).toBeUndefined()
  })

  it('of a newer version is refused, saying what to do', () => {
    writeFileSync(join(root, 'cluster.json'), '{"version": 9, "clusterId": "00000000"}')
    expect(() => openDataFolder(root)).toThrow(
      /layout version 9; this program knows versions up to 1: use a newer Binnacle, or another --data-dir/,
    )
  })

  it('that is damaged is refused', () => {
    writeFileSync(join(root, 'cluster.json'), '{"version": 1, "clusterId": "../../etc"}')
    expect(() => openDataFolder(root)).toThrow(DataFolderError)
  })

  it('gets credentials once, readable by the owner only, and new ones where an address is new', async () => {
    const folder = openDataFolder(root)
    const options = { folder, now: Date.now(), nodes: ['a'], addresses: ['10.244.0.1'], apiPort: 6443, serverNames: [] }
    await ensureCredentials(options)
    const first = readPair(folder, 'apiserver')
    expect(statSync(folder.path('pki', 'ca.key')).mode & 0o077).toBe(0)
    await ensureCredentials(options)
    expect(readPair(folder, 'apiserver')).toEqual(first)
    await ensureCredentials({ ...options, addresses: ['10.244.0.1', '10.9.9.9'] })
    expect(readPair(folder, 'apiserver')).not.toEqual(first)
  })
})

describe('network layout', () => {
  it('derives addresses from the networks', () => {
    expect(gatewayOf('10.244.0.0/16')).toBe('10.244.0.1')
    expect(serviceAddress('10.96.0.0/16', 10)).toBe('10.96.0.10')
    expect(podCidrOfNode('10.244.0.0/16', 3)).toBe('10.244.3.0/24')
  })
})
