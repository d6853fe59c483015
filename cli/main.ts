import { existsSync } from 'node:fs'
import { helpRow } from './flag-table.ts'
import type { CommandContext } from './commands/start.ts'
import { DataFolderError, findDataFolder } from './data-folder.ts'
import { JoinError } from './hosts/join-error.ts'
import { takeoverSwitch } from './launch.ts'
import { integer } from './option-values.ts'
import { describeFlags, parseOptions, UsageError } from './options.ts'
import { isStoreError } from '../orchestrator/store/store.ts'
import { becomeProgram, programEnvironment } from './program.ts'

/** One command: `run` gets what follows its name and resolves with the exit code. It loads what it needs: each process runs one of them. */
interface Command {
  readonly usage: string
  readonly help: string
  run(args: readonly string[], context: CommandContext): Promise<number>
}

/** Takes `names` out of the arguments; says which of them were there. */
function takeSwitches(args: readonly string[], names: readonly string[]): { readonly rest: string[]; readonly taken: Set<string> } {
  return { rest: args.filter((arg) => !names.includes(arg)), taken: new Set(args.filter((arg) => names.includes(arg))) }
}

const commands: Readonly<Record<string, Command>> = {
  start: {
    usage: 'start [FLAGS]',
    help: 'bring up cluster, monitor and InfluxDB on this machine, until Ctrl-C',
    run: async (args, context) => {
      becomeProgram('start', args)
      const { start } = await import('./commands/start.ts')
      const { rest, taken } = takeSwitches(args, [takeoverSwitch])
      return start(parseOptions(rest), context, taken.size > 0)
    },
  },
  status: {
    usage: 'status [--data-dir DIR]',
    help: 'processes and addresses',
    run: async (args, context) => (await import('./commands/status.ts')).showStatus(parseOptions(args), context),
  },
  doctor: {
    usage: 'doctor [FLAGS]',
    help: 'what is wrong between any node and any graph, and what to do; flags of its own, see doctor --help',
    run: async (args, context) => {
      const { describeDoctor, runDoctor } = await import('./commands/doctor.ts')
      if (!args.includes('--help')) return runDoctor(args, context)
      context.print(describeDoctor())
      return 0
    },
  },
  down: {
    usage: 'down [--data-dir DIR] [--purge]',
    help: 'stop everything; --purge removes the data too',
    run: async (args, context) => {
      const { takeDown } = await import('./commands/down.ts')
      const { rest, taken } = takeSwitches(args, ['--purge'])
      return takeDown(parseOptions(rest), taken.has('--purge'), context)
    },
  },
  logs: {
    usage: 'logs [PROCESS] [-f] | logs -l … [-f]',
    help: "the processes' own logs, or with flags what pods wrote, events, audit; see logs --help",
    run: async (args, context) => {
      const { rest, taken } = takeSwitches(args, ['-f', '--follow'])
      const isName = rest[0] !== undefined && !rest[0].startsWith('-')
      const others = isName ? rest.slice(1) : rest
      // Without a flag that is about the cluster, it is the processes that are meant.
      const isOwn = others.every(
        (arg, index) => arg.startsWith('--data-dir=') || arg === '--data-dir' || others[index - 1] === '--data-dir',
      )
      if (isOwn) return (await import('./commands/logs.ts')).showLogs(parseOptions(others), isName ? rest[0] : undefined, taken.size > 0)
      const { describeClusterLogs, showClusterLogs } = await import('./commands/cluster-logs.ts')
      if (!args.includes('--help')) return showClusterLogs(args, context)
      context.print(describeClusterLogs())
      return 0
    },
  },
  kubectl: {
    usage: 'kubectl [--data-dir=DIR] …',
    help: 'kubectl 1.35 with the kubeconfig of this cluster',
    run: async (args, context) => {
      const { runKubectl } = await import('./commands/kubectl.ts')
      const ours = args.filter((arg) => arg.startsWith('--data-dir='))
      const folder = findDataFolder(parseOptions(ours).dataDir)
      if (folder === undefined || !existsSync(folder.kubeconfig))
        throw new UsageError(`there is no cluster in ${parseOptions(ours).dataDir}: \`npm start\` makes one`)
      return runKubectl(
        folder.kubeconfig,
        args.filter((arg) => !ours.includes(arg)),
        context,
      )
    },
  },
  'rolling-update': {
    usage: 'rolling-update NAME [NEW] [FLAGS]',
    help: 'replace the pods of a replication controller one by one (--image, -f, --rollback); see rolling-update --help',
    run: async (args, context) => {
      const { describeRollingUpdate, runRollingUpdate } = await import('./commands/rolling-update.ts')
      if (!args.includes('--help')) return runRollingUpdate(args, context)
      context.print(describeRollingUpdate())
      return 0
    },
  },
  stop: {
    usage: 'stop TYPE NAME | -f FILE | TYPE -l …',
    help: 'shut something down with all that it runs; see stop --help',
    run: async (args, context) => {
      const { describeStop, runStop } = await import('./commands/stop.ts')
      if (!args.includes('--help')) return runStop(args, context)
      context.print(describeStop())
      return 0
    },
  },
  why: {
    usage: 'why POD [-n NAMESPACE]',
    help: 'why a pod is, or is not, scheduled: every filter on every node, scores, preemption; --json',
    run: async (args, context) => {
      const { describeWhy, runWhy } = await import('./commands/why.ts')
      if (!args.includes('--help')) return runWhy(args, context)
      context.print(describeWhy())
      return 0
    },
  },
  rules: {
    usage: 'rules check|test FILE…',
    help: 'check alert rules, or run unit tests of them; see rules --help',
    run: async (args, context) => {
      const { describeRules, runRules } = await import('./commands/rules.ts')
      if (!args.includes('--help')) return runRules(args, context)
      context.print(describeRules())
      return 0
    },
  },
  images: {
    usage: 'images [--docker-host URL]',
    help: 'build the stand-ins of the walkthrough images, without a registry',
    run: async (args, context) => (await import('./commands/images.ts')).buildImages(args, context),
  },
  credentials: {
    usage: 'credentials [FLAGS]',
    help: 'make the certificates that are missing or near their end; `start` does so by itself',
    run: async (args) => (await import('./commands/credentials.ts')).makeCredentials(parseOptions(args)),
  },
  server: {
    usage: 'server [FLAGS]',
    help: 'API server, scheduler and controllers alone',
    run: async (args) => (await import('./processes/server.ts')).runServer(parseOptions(args)),
  },
  node: {
    usage: 'node --server URL … | add [NAME] | remove NAME',
    help: 'join a running cluster; one node more or less on this host; see node --help. With --index=N: the process of a node alone',
    run: async (args, context) => {
      const [verb, ...more] = args
      if (verb === 'add' || verb === 'remove') {
        const { describeNodes, runNodes } = await import('./commands/node.ts')
        if (!more.includes('--help')) return runNodes(verb, more, context)
        context.print(describeNodes())
        return 0
      }
      if (verb !== undefined && !verb.startsWith('-'))
        throw new UsageError(`node: ${JSON.stringify(verb)} is not one of add, remove, or flags to join a cluster`)
      const local = args.find((arg) => arg.startsWith('--local='))
      if (local !== undefined) {
        const options = parseOptions(args.filter((arg) => arg !== local))
        return (await import('./processes/node.ts')).runLocalNode(options, local.slice('--local='.length), context.environment)
      }
      const { describeJoin, isAboutJoining, joinAndStart } = await import('./commands/join.ts')
      if (args.includes('--help')) {
        context.print(describeJoin())
        return 0
      }
      if (isAboutJoining(args)) return joinAndStart(args, context)
      const index = args.find((arg) => arg.startsWith('--index='))
      return (await import('./processes/node.ts')).runNode(
        parseOptions(args.filter((arg) => arg !== index)),
        index === undefined ? 0 : integer('index', index.slice('--index='.length), 0, 4999),
        context.environment,
      )
    },
  },
  token: {
    usage: 'token create [--ttl 24h] | list | delete ID',
    help: 'tokens with which other hosts join; see token --help',
    run: async (args, context) => {
      const { describeToken, runToken } = await import('./commands/token.ts')
      if (!args.includes('--help')) return runToken(args, context)
      context.print(describeToken())
      return 0
    },
  },
  collector: {
    usage: 'collector [FLAGS]',
    help: 'figures of the containers of any Docker host, without a cluster; flags of its own, see collector --help',
    run: async (args, context) => {
      const { describeCollector, runCollector } = await import('./commands/collector.ts')
      if (!args.includes('--help')) return runCollector(args)
      context.print(describeCollector())
      return 0
    },
  },
  aggregator: {
    usage: 'aggregator [FLAGS]',
    help: 'metrics APIs, model API and sinks for any Kubernetes cluster; flags of its own, see aggregator --help',
    run: async (args, context) => {
      const { describeAggregator, runAggregator } = await import('./commands/aggregator.ts')
      const { KUBERNETES_SERVICE_HOST: serviceHost, KUBERNETES_SERVICE_PORT: servicePort } = process.env
      if (!args.includes('--help')) return runAggregator(args, { serviceHost, servicePort }, context.print)
      context.print(describeAggregator())
      return 0
    },
  },
  alerts: {
    usage: 'alerts test|why|acknowledge|serve …',
    help: 'try who is told, ask why, take an alert on, or an alert server alone; see alerts --help',
    run: async (args, context) => {
      const { describeAlerts, runAlerts } = await import('./commands/alerts.ts')
      if (!args.includes('--help')) return runAlerts(args, context)
      context.print(describeAlerts())
      return 0
    },
  },
  monitor: {
    usage: 'monitor [FLAGS]',
    help: 'aggregator, alerts and page alone',
    run: async (args) => (await import('./processes/monitor.ts')).runMonitor(parseOptions(args)),
  },
}

/** Commands that answer `--help` themselves. */
const withOwnHelp = [
  'kubectl',
  'collector',
  'aggregator',
  'doctor',
  'rolling-update',
  'stop',
  'why',
  'rules',
  'logs',
  'node',
  'token',
  'alerts',
]

function helpText(): string {
  const rows = Object.values(commands).map(({ usage, help }) => helpRow(`  ${usage}`, help, 42))
  return `Usage: binnacle COMMAND\n\n${rows.join('\n')}\n\nFlags\n${describeFlags()}`
}

async function main(args: readonly string[]): Promise<number> {
  Object.assign(process.env, programEnvironment(process.env))
  const context: CommandContext = {
    print: (line) => console.log(line),
    complain: (line) => console.error(line),
    searchPath: process.env['PATH'] ?? '',
    environment: process.env,
    isRoot: process.getuid?.() === 0,
  }
  const [name, ...rest] = args
  const isHelp = name === 'help' || name === '--help' || (rest[0] === '--help' && !withOwnHelp.includes(name ?? ''))
  if (name === undefined || isHelp) {
    context.print(helpText())
    return isHelp ? 0 : 2
  }
  const command = commands[name]
  if (command === undefined)
    throw new UsageError(`${JSON.stringify(name)} is not a command; the commands are ${Object.keys(commands).join(', ')}`)
  return command.run(rest, context)
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  const isExpected =
    error instanceof UsageError ||
    error instanceof DataFolderError ||
    error instanceof JoinError ||
    isStoreError(error) ||
    (error as NodeJS.ErrnoException).syscall === 'listen'
  console.error(`binnacle: ${isExpected ? (error as Error).message : ((error as Error).stack ?? String(error))}`)
  // What had begun before the failure (servers, informers) must not keep the process alive.
  process.exit(error instanceof UsageError ? 2 : 1)
}
