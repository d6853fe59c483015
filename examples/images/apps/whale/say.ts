#!/usr/local/bin/node
import { sayInBubble } from './bubble.ts'

console.log(sayInBubble(process.argv.slice(2).join(' ')))
