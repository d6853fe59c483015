import { openMemoryStore } from './memory.ts'
import { describeStore } from './store.contract.ts'

describeStore('memory', openMemoryStore)
