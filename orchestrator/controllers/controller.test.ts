import { describeController } from './controller.contract.ts'
import { createController } from './controller.ts'

describeController('the loop', createController)
