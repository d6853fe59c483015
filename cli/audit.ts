import { readFileSync } from 'node:fs'
import { logLevels } from '../collector/logs/log-batch.ts'
import { RecordWriter } from '../collector/logs/store/record-writer.ts'
import { createLogStore } from '../collector/logs/store/store.ts'
import type { Clock } from '../lib/clock.ts'
import { FileError } from '../lib/document.ts'
import type { Log } from '../lib/log.ts'
import type { AuditBatch, AuditSink } from '../orchestrator/apiserver/audit/audit-sink.ts'
import type { AuditSettings } from '../orchestrator/apiserver/audit/auditor.ts'
import { defaultAuditPolicy, parseAuditPolicy } from '../orchestrator/apiserver/audit/policy.ts'
import { RotatedFile } from '../orchestrator/apiserver/audit/rotated-file.ts'
import { auditStoreFolder, type DataFolder } from './data-folder.ts'
import { UsageError, type ClusterOptions } from './options.ts'

/** What the search may take; the files are bounded by themselves. */
const maxStoreBytes = 256 << 20
const maxStoreAgeMs = 90 * 24 * 3_600_000

export interface AuditContext {
  readonly options: ClusterOptions
  readonly folder: DataFolder
  readonly clock: Clock
  readonly log: Log
}

/** The audit log that the flags ask for: `audit/audit.log` in the data folder, and a store beside it. Throws `UsageError` for a policy that cannot be used. */
export function auditSettings({ options, folder, clock, log }: AuditContext): AuditSettings | undefined {
  const { policyFile, mode, maxBytes, maxBackups } = options.audit
  if (policyFile === 'none') return undefined
  const file = new RotatedFile({ path: folder.path('audit', 'audit.log'), maxBytes, maxBackups, clock })
  return {
    policy: policyFile === undefined ? defaultAuditPolicy : readPolicy(policyFile),
    sinks: [file, new AuditStore({ folder: auditStoreFolder(folder), clock, log })],
    mode,
  }
}

function readPolicy(file: string) {
  try {
    return parseAuditPolicy(file, readFileSync(file, 'utf8'))
  } catch (error) {
    if (error instanceof FileError || (error as NodeJS.ErrnoException).syscall !== undefined)
      throw new UsageError(`--audit-policy: ${(error as Error).message}`)
    throw error
  }
}

/** Keeps audit events where logs are searched; the file beside it is what counts. */
class AuditStore implements AuditSink {
  readonly #store: ReturnType<typeof createLogStore>
  readonly #records: RecordWriter
  #started: Promise<void> | undefined

  constructor({ folder, clock, log }: { readonly folder: string; readonly clock: Clock; readonly log: Log }) {
    this.#store = createLogStore({ name: 'audit', folder, maxBytes: maxStoreBytes, maxAgeMs: maxStoreAgeMs, clock, log })
    this.#records = new RecordWriter({ sink: this.#store.sink, kind: 'audit', clock })
  }

  async write(batch: AuditBatch): Promise<void> {
    this.#started ??= this.#store.sink.start().catch((error: unknown) => {
      // The next batch tries again.
      this.#started = undefined
      throw error
    })
    await this.#started
    const { ends, codes } = batch
    await this.#records.write({ ...batch, ends: ends.map((end) => end - newlineBytes), gap: newlineBytes, levels: codes.map(levelOf) })
  }

  async close(): Promise<void> {
    if (this.#started !== undefined) await this.#store.sink.stop()
  }
}

/** Lines of the file end with one, those of the store don't. */
const newlineBytes = 1
const [info, warn, error] = (['info', 'warn', 'error'] as const).map((level) => logLevels.indexOf(level)) as [number, number, number]
const levelOf = (code: number) => (code >= 500 ? error : code >= 400 ? warn : info)
