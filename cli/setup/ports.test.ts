import { describe, expect, it } from 'vitest'
import { parseOptions, UsageError } from '../options.ts'
import { checkPorts } from './ports.ts'

describe('ports', () => {
  it('that two parts would take are refused before anything starts, those of further nodes too', async () => {
    const clash = checkPorts(parseOptions(['--nodes=3', '--collector-port=22003', '--aggregator-port=22005']))
    await expect(clash).rejects.toThrow(UsageError)
    await expect(clash).rejects.toThrow('port 22005 is wanted by --aggregator-port and by --collector-port (3 nodes take 22003 to 22005)')
    await expect(checkPorts(parseOptions(['--api-port=4443']))).rejects.toThrow(
      'port 4443 is wanted by --api-port and by --metrics-api-port',
    )
    await expect(checkPorts(parseOptions(['--web-port=8086']))).rejects.toThrow('port 8086 is wanted by --web-port and by --influxdb-port')
  })
})
