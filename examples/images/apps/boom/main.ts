#!/usr/local/bin/node
import { parseFlags, usage, UsageError } from './flags.ts'
import type { BoomOptions } from './flags.ts'
import { sendLoad } from './load.ts'
import { renderCsv, renderReport } from './report.ts'

function readOptions(): BoomOptions {
  try {
    return parseFlags(process.argv.slice(2))
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    console.error(`${error.message}\n\n${usage}`)
    process.exit(1)
  }
}

const options = readOptions()
const abort = new AbortController()
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => abort.abort())
const { outcomes, seconds } = await sendLoad(options, abort.signal)
process.stdout.write(options.isCsv ? renderCsv(outcomes) : `${outcomes.length} requests done.\n\n${renderReport(outcomes, seconds)}\n`)
