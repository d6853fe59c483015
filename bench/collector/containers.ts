import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type Docker from 'dockerode'

const image = 'binnacle-bench-sleep:1'

/** Makes an image with busybox alone, without a registry, and `count` sleeping containers of it. */
export async function startSleepers(docker: Docker, count: number): Promise<Docker.Container[]> {
  importBusybox()
  const containers: Docker.Container[] = []
  for (let index = 0; index < count; index++) {
    const container = await docker.createContainer({
      Image: image,
      name: `binnacle-bench-${process.pid}-${index}`,
      Cmd: ['/bin/busybox', 'sleep', '100000'],
      StopSignal: 'SIGKILL',
    })
    containers.push(container)
    await container.start()
  }
  return containers
}

/** Removes the containers and the image. */
export async function removeSleepers(docker: Docker, containers: readonly Docker.Container[]): Promise<void> {
  for (const container of containers) await container.remove({ force: true })
  await docker.getImage(image).remove({ force: true })
}

function importBusybox(): void {
  const folder = mkdtempSync(join(tmpdir(), 'binnacle-bench-'))
  try {
    mkdirSync(join(folder, 'bin'))
    copyFileSync('/usr/bin/busybox', join(folder, 'bin/busybox'))
    symlinkSync('busybox', join(folder, 'bin/sh'))
    const archive = execFileSync('tar', ['-C', folder, '-c', '.'], { maxBuffer: 64 * 1024 * 1024 })
    execFileSync('docker', ['import', '-', image], { input: archive, stdio: ['pipe', 'ignore', 'inherit'] })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
