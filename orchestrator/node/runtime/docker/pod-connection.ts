import { spawn } from 'node:child_process'
import { connect } from 'node:net'
import { Duplex } from 'node:stream'
import { RuntimeError } from '../runtime.ts'

/** What the relay says once it is connected. */
const connectedMark = 'connected'

/** Copies between standard input/output and a port of the network namespace it runs in. */
const relayScript = `
const socket = require('node:net').connect(Number(process.argv[1]), '127.0.0.1')
socket.on('error', (error) => { process.stderr.write(error.message); process.exit(1) })
socket.on('connect', () => process.stderr.write('${connectedMark}'))
process.stdin.on('error', () => {}).pipe(socket)
socket.pipe(process.stdout).on('error', () => process.exit(0))
socket.on('close', () => process.exit(0))
`

/** A TCP connection to an address of a pod. Rejects when it is refused. */
export function connectTo(host: string, port: number): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, allowHalfOpen: true })
    socket.once('connect', () => {
      socket.off('error', reject)
      resolve(socket)
    })
    socket.once('error', reject)
  })
}

/**
 * A connection to 127.0.0.1 inside the network namespace of process `pid`, for servers that listen on loopback only. Rejects when it is
 * refused.
 */
export function connectInNamespace(options: { readonly pid: number; readonly port: number; readonly nodePath: string }): Promise<Duplex> {
  const { promise, resolve, reject } = Promise.withResolvers<Duplex>()
  const child = spawn('nsenter', ['-t', String(options.pid), '-n', options.nodePath, '-e', relayScript, String(options.port)], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: {},
  })
  let said = ''
  const stream = Duplex.from({ readable: child.stdout, writable: child.stdin })
  child.stderr.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(0, 1000)
    if (said === connectedMark) resolve(stream)
  })
  child.stdin.on('error', () => {})
  child.once('error', (error) => reject(new RuntimeError('failed', `cannot run nsenter: ${error.message}`)))
  child.once('exit', (code) => reject(new RuntimeError('failed', said.trim() || `the relay ended with code ${code}`)))
  stream.on('error', () => {})
  stream.once('close', () => child.kill('SIGKILL'))
  return promise
}
