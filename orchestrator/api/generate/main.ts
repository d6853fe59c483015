/** Makes every generated file of the API folder from its tables. Run by `npm run generate`; the output is committed. */
import { generateKinds } from './kinds.ts'
import { generateResources } from './resources.ts'

generateKinds()
generateResources()
