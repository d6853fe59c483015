import { readFile } from 'node:fs/promises'
import { spawn } from 'node:child_process'
import { createTar } from '../../../orchestrator/node/runtime/docker/tar.ts'

const commands = ['sh', 'sleep', 'cat', 'echo', 'nc', 'httpd', 'ls', 'id', 'grep', 'touch', 'rm', 'env']

/** Makes an image of the machine's static busybox, with no registry. `dockerHost`: on an engine other than the tests' common one. */
export async function importShellImage(name: string, dockerHost?: string): Promise<void> {
  const busybox = await readFile('/bin/busybox')
  const archive = createTar([
    ...['bin/', 'www/', 'tmp/', 'etc/'].map((path) => ({ path, mode: path === 'tmp/' ? 0o777 : 0o755 })),
    { path: 'bin/busybox', mode: 0o755, content: busybox },
    ...commands.map((command) => ({ path: `bin/${command}`, mode: 0o777, linkTarget: 'busybox' })),
    { path: 'www/index.html', mode: 0o644, content: Buffer.from('hello\n') },
  ])
  await new Promise<void>((resolve, reject) => {
    const child = spawn('docker', [...(dockerHost === undefined ? [] : ['--host', dockerHost]), 'import', '-', name], {
      stdio: ['pipe', 'ignore', 'inherit'],
    })
    child.once('error', reject)
    child.once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`docker import ended with code ${code}`))))
    child.stdin.on('error', () => {})
    child.stdin.end(archive)
  })
}
