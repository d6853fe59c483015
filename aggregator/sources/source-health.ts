import type { ScrapeError, ScrapeStage } from './scrape-error.ts'

/** How the scrapes of one target go. */
export interface SourceHealth {
  readonly address: string | undefined
  readonly isHealthy: boolean
  readonly scrapes: number
  readonly failures: number
  /** Scrapes that failed since the last one that did not. */
  readonly consecutiveFailures: number
  readonly lastSuccess: number | undefined
  readonly lastDurationMs: number | undefined
  /** How much later than planned the last scrape began. */
  readonly lastLatenessMs: number | undefined
  /** Entries and fields of the last answer that were left out as malformed or too many. */
  readonly rejected: number
  readonly lastError: { readonly stage: ScrapeStage; readonly message: string; readonly advice: string; readonly at: number } | undefined
}

/** Of a target that was not scraped yet. */
export const initialHealth: SourceHealth = {
  address: undefined,
  isHealthy: false,
  scrapes: 0,
  failures: 0,
  consecutiveFailures: 0,
  lastSuccess: undefined,
  lastDurationMs: undefined,
  lastLatenessMs: undefined,
  rejected: 0,
  lastError: undefined,
}

/** The health after a scrape that gave something. */
export function afterSuccess(
  health: SourceHealth,
  scrape: Pick<SourceHealth, 'address' | 'rejected'> & { readonly durationMs: number; readonly at: number },
): SourceHealth {
  return {
    ...health,
    address: scrape.address,
    isHealthy: true,
    scrapes: health.scrapes + 1,
    consecutiveFailures: 0,
    lastSuccess: scrape.at,
    lastDurationMs: scrape.durationMs,
    rejected: scrape.rejected,
  }
}

/** The health after a scrape that failed. */
export function afterFailure(
  health: SourceHealth,
  error: ScrapeError,
  known: { readonly address: string | undefined; readonly advice: Readonly<Record<ScrapeStage, string>>; readonly at: number },
): SourceHealth {
  return {
    ...health,
    address: known.address,
    isHealthy: false,
    scrapes: health.scrapes + 1,
    failures: health.failures + 1,
    consecutiveFailures: health.consecutiveFailures + 1,
    lastError: { stage: error.code, message: error.message, advice: known.advice[error.code], at: known.at },
  }
}
