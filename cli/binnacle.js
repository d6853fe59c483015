#!/usr/bin/env node
import { runProgram } from './bootstrap.js'

await runProgram('cli/main.ts', process.argv.slice(2))
