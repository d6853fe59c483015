import { readFile } from 'node:fs/promises'
import type { Duplex, Readable } from 'node:stream'
import { finished } from 'node:stream/promises'
import type Docker from 'dockerode'
import type { Clock } from '../../../../lib/clock.ts'
import { RuntimeError } from '../runtime.ts'
import type { AttachOptions, ExecOptions, ProcessStreams } from '../runtime.ts'
import { callDocker } from './docker-engine.ts'
import { splitOutput } from './docker-streams.ts'

/** What probes and hooks may print before the rest is dropped, as in the kubelet. */
const maxOutputBytes = 10 * 1024
const maxExitLookMs = 1_000
const endAttempts = 10

/** Starts a command in a container and connects to it. */
export async function execInContainer(docker: Docker, clock: Clock, id: string, options: ExecOptions): Promise<ProcessStreams> {
  return (await beginExec(docker, clock, id, options)).streams
}

async function beginExec(
  docker: Docker,
  clock: Clock,
  id: string,
  options: ExecOptions,
): Promise<{ readonly exec: Docker.Exec; readonly streams: ProcessStreams }> {
  const exec = await callDocker(() =>
    docker.getContainer(id).exec({
      Cmd: [...options.command],
      AttachStdin: options.stdin,
      AttachStdout: options.stdout,
      AttachStderr: options.stderr && !options.tty,
      Tty: options.tty,
    }),
  )
  const stream = await callDocker(() => exec.start({ hijack: true, stdin: true, Tty: options.tty }))
  const streams = streamsOf(stream, options, {
    resize: (width, height) => callDocker(() => exec.resize({ w: width, h: height })),
    exitCode: () => execExitCode(exec, clock, () => isGivenUp),
  })
  let isGivenUp = false
  const close = () => {
    isGivenUp = true
    streams.close()
  }
  return { exec, streams: { ...streams, close } }
}

/** Connects to the main process of a container; `hasReplay`: what it has printed so far comes first. */
export async function attachToContainer(
  docker: Docker,
  id: string,
  options: AttachOptions & { readonly hasReplay: boolean },
): Promise<ProcessStreams> {
  const container = docker.getContainer(id)
  const stream = await callDocker(() =>
    container.attach({
      stream: true,
      hijack: true,
      logs: options.hasReplay,
      stdin: options.stdin,
      stdout: options.stdout,
      stderr: options.stderr,
    }),
  )
  return streamsOf(stream as Duplex, options, {
    resize: (width, height) => callDocker(() => container.resize({ w: width, h: height })),
    exitCode: async () => 0,
  })
}

/** Runs a command to its end and collects what it prints. One whose time is up is ended. */
export async function execToEnd(options: {
  readonly docker: Docker
  readonly clock: Clock
  readonly id: string
  readonly command: readonly string[]
  readonly timeoutMs: number
}): Promise<{ exitCode: number; output: string }> {
  const { docker, clock, id, command, timeoutMs } = options
  const { exec, streams } = await beginExec(docker, clock, id, { command, stdin: false, stdout: true, stderr: true, tty: false })
  let output = ''
  for (const stream of [streams.stdout, streams.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      if (output.length < maxOutputBytes) output += chunk.toString('utf8', 0, maxOutputBytes - output.length)
    })
  }
  const { promise: timedOut, reject } = Promise.withResolvers<never>()
  const timer = clock.setTimer(timeoutMs, () =>
    reject(new RuntimeError('timeout', `command timed out: ${JSON.stringify(command.join(' '))} timed out after ${timeoutMs / 1000}s`)),
  )
  try {
    return { exitCode: await Promise.race([streams.exitCode(), timedOut]), output }
  } catch (error) {
    // Nobody waits for it, nor for whether it could be done.
    endExec(exec, clock, id).catch(() => {})
    throw error
  } finally {
    timer.cancel()
    streams.close()
  }
}

function streamsOf(
  stream: Duplex,
  options: AttachOptions,
  control: { resize(width: number, height: number): Promise<unknown>; exitCode(): Promise<number> },
): ProcessStreams {
  // Without a listener a reset connection would end the process; its end is seen through `finished` too.
  stream.on('error', () => {})
  const output: { readonly stdout: Readable; readonly stderr?: Readable } = options.tty ? { stdout: stream } : splitOutput(stream)
  output.stdout.on('error', () => {})
  output.stderr?.on('error', () => {})
  const outputs = [output.stdout, ...(output.stderr === undefined ? [] : [output.stderr])]
  const ended = Promise.all(outputs.map((each) => finished(each, { writable: false }).catch(() => {})))
  return {
    ...(options.stdin ? { stdin: stream } : {}),
    stdout: output.stdout,
    ...(output.stderr === undefined ? {} : { stderr: output.stderr }),
    resize: async (width, height) => {
      await control.resize(width, height)
    },
    exitCode: async () => {
      await ended
      return control.exitCode()
    },
    close: () => {
      stream.destroy()
    },
  }
}

/** The stream may end a moment before the engine has noted the exit, or long before where a command closes its outputs. */
async function execExitCode(exec: Docker.Exec, clock: Clock, isGivenUp: () => boolean): Promise<number> {
  for (let waitMs = 10; ; waitMs = Math.min(waitMs * 1.5, maxExitLookMs)) {
    const { ExitCode, Running } = await callDocker(() => exec.inspect())
    if (!Running && ExitCode !== null) return ExitCode
    if (isGivenUp()) throw new RuntimeError('failed', 'nobody waits for the end of the command any more')
    await clock.sleep(waitMs)
  }
}

/** The engine has no word for it: the process is killed where it is one of this machine. */
async function endExec(exec: Docker.Exec, clock: Clock, containerId: string): Promise<void> {
  for (let attempt = 0; attempt < endAttempts; attempt++) {
    const { Pid, ExitCode } = (await exec.inspect()) as { readonly Pid: number; readonly ExitCode: number | null }
    if (ExitCode !== null) return
    // Its control group names the container: on another machine, or after its end, the number would be somebody else's.
    if (Pid > 1) {
      if ((await readFile(`/proc/${Pid}/cgroup`, 'utf8')).includes(containerId)) process.kill(Pid, 'SIGKILL')
      return
    }
    // It has not even begun.
    await clock.sleep(maxExitLookMs)
  }
}
