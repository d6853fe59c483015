/**
 * Loads the project's TypeScript from copies without types, kept under `.cache`: as `node --import cli/sources.js FILE.ts`, or by `loadFromCopies()`. Node's
 * own stripper takes 20 MB of every process in which it has run, its compile cache 5 MB of every process that reads it. Copies that are missing or
 * not as old as their source are made by a process of their own, which is this file as a program. Plain JavaScript, since it loads everything else.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { registerHooks, stripTypeScriptTypes } from 'node:module'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'

const project = dirname(import.meta.dirname)
const root = `${pathToFileURL(project).href}/`
const copies = join(project, '.cache', 'sources')
/** Where what runs in long-lived processes lies. */
const folders = ['aggregator', 'alerts', 'cli', 'collector', 'dashboards', 'examples', 'lib', 'orchestrator']
let isStripped = false

/** From here on, modules of the project come from copies. What has none, for whatever reason, is left to Node. */
export function loadFromCopies() {
  registerHooks({
    load: (url, context, nextLoad) => {
      const source = url.startsWith(root) && url.endsWith('.ts') ? readCopy(decodeURIComponent(url.slice(root.length))) : undefined
      return source === undefined ? nextLoad(url, context) : { format: 'module', source, shortCircuit: true }
    },
  })
}

function readCopy(path) {
  if (!folders.includes(path.slice(0, path.indexOf('/')))) return undefined
  if (!isCurrent(path)) stripOnce()
  return isCurrent(path) ? readFileSync(join(copies, path), 'utf8') : undefined
}

/** A copy bears the time of its source. */
function isCurrent(path) {
  const copy = statSync(join(copies, path), { throwIfNoEntry: false })
  return copy !== undefined && Math.trunc(copy.mtimeMs) === Math.trunc(statSync(join(project, path)).mtimeMs)
}

function stripOnce() {
  if (isStripped) return
  isStripped = true
  const { spawnSync } = process.getBuiltinModule('node:child_process')
  spawnSync(process.execPath, ['--disable-warning=ExperimentalWarning', import.meta.filename], { stdio: 'ignore' })
}

/** Makes the copies that are missing. */
function stripAll() {
  for (const folder of folders) {
    for (const entry of readdirSync(join(project, folder), { recursive: true, withFileTypes: true })) {
      if (!entry.isFile() || !/(?<!\.test|\.d)\.ts$/.test(entry.name)) continue
      const path = join(entry.parentPath, entry.name).slice(project.length + 1)
      if (!isCurrent(path)) strip(path)
    }
  }
}

function strip(path) {
  const source = join(project, path)
  const copy = join(copies, path)
  const draft = `${copy}.${process.pid}`
  const modified = new Date(Math.trunc(statSync(source).mtimeMs))
  const text = withoutTypes(readFileSync(source, 'utf8'))
  if (text === undefined) return
  mkdirSync(dirname(copy), { recursive: true })
  writeFileSync(draft, text)
  utimesSync(draft, modified, modified)
  renameSync(draft, copy)
}

/** What is wrong with a source, Node says to whoever needs it. */
function withoutTypes(source) {
  try {
    return stripTypeScriptTypes(source)
  } catch {
    return undefined
  }
}

if (process.argv[1] === import.meta.filename) stripAll()
else loadFromCopies()
