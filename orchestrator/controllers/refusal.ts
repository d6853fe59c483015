import { isAlreadyExists, isNotFound, statusOf } from '../api/status-error.ts'

/** Whether the server refused because the namespace is being deleted. */
export const isNamespaceTerminating = (error: unknown): boolean =>
  statusOf(error)?.details?.causes?.some(({ reason }) => reason === 'NamespaceTerminating') === true ||
  /because it is being terminated/.test(messageOf(error))

/** The words of an error of any kind. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** A change of something that has gone meanwhile is no trouble. */
export async function ignoreGone(write: Promise<unknown>): Promise<void> {
  await write.catch((error: unknown) => {
    if (!isNotFound(error)) throw error
  })
}

/** Making what is there already is no trouble. */
export async function ignorePresent(write: Promise<unknown>): Promise<void> {
  await write.catch((error: unknown) => {
    if (!isAlreadyExists(error)) throw error
  })
}
