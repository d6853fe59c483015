import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

/** The alerts in a process that can be killed. */
export interface AlertsProcess {
  readonly url: string
  /** Ends it with a signal and waits until it is gone. */
  end(signal: NodeJS.Signals): Promise<void>
}

/** Starts the alerts on a data folder and resolves once they listen. */
export async function startAlerts(dataDir: string, configFile: string): Promise<AlertsProcess> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'alerts-process.ts'), dataDir, configFile], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = once(child, 'exit')
  const address = await firstLine(child, exited)
  return {
    url: `http://${address}`,
    end: async (signal) => {
      child.kill(signal)
      await exited
    },
  }
}

async function firstLine(child: ChildProcess, exited: Promise<unknown[]>): Promise<string> {
  const lines = createInterface({ input: child.stdout! })
  const line = await Promise.race([
    once(lines, 'line'),
    exited.then(([code]) => Promise.reject(new Error(`alerts ended with ${String(code)}`))),
  ])
  return (line as [string])[0]
}
