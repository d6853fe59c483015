import type http from 'node:http'

/**
 * Node's HTTP client. An `import` of `node:http` reads every name that the module has, the WebSocket of browsers among them, and with it a second
 * HTTP client is loaded: 14 MB in each process. Types may be imported from there.
 */
const builtIn = process.getBuiltinModule('node:http')

export type HttpAgent = http.Agent
export const HttpAgent = builtIn.Agent
export const httpRequest = builtIn.request
/** The sentence of each status code. */
export const statusTexts = builtIn.STATUS_CODES
