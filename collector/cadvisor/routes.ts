import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Clock } from '../../lib/clock.ts'
import type { Source } from '../source.ts'

export interface CadvisorApiOptions {
  readonly clock: Clock
  readonly source: Source
  readonly version: string
  readonly send: (request: FastifyRequest, reply: FastifyReply, type: string, text: string) => Promise<FastifyReply>
}

export function registerCadvisorApi(_instance: FastifyInstance, _options: CadvisorApiOptions): void {}
