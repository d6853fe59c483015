/** A stand-in for an image that the walkthrough's manifests name. */
export interface ExampleImage {
  readonly name: string
  /** Folders under `apps/` whose sources go to /usr/local/lib/. */
  readonly apps: readonly string[]
  /** Names in /usr/local/bin, each with the source it starts, relative to /usr/local/lib/. */
  readonly commands: Readonly<Record<string, string>>
  readonly env?: Readonly<Record<string, string>>
  readonly entrypoint?: readonly string[]
  readonly command?: readonly string[]
  readonly workingDir?: string
  readonly ports?: readonly number[]
}

const fetchCommands = { wget: 'fetch/main.ts', curl: 'fetch/main.ts' }

function podScaling(version: string, look: { readonly title: string; readonly colour: string }): ExampleImage {
  return {
    name: `jonbaier/pod-scaling:${version}`,
    apps: ['pod-scaling', 'fetch'],
    commands: { ...fetchCommands, 'pod-scaling': 'pod-scaling/main.ts' },
    env: { APP_VERSION: version, APP_TITLE: look.title, APP_COLOUR: look.colour },
    command: ['pod-scaling'],
    ports: [80],
  }
}

function whaleServer(version: string): ExampleImage {
  return {
    name: `jonbaier/httpwhalesay:${version}`,
    apps: ['whale', 'fetch'],
    commands: { ...fetchCommands, httpwhalesay: 'whale/serve.ts' },
    workingDir: '/usr/local/lib/whale',
    command: ['node', 'index.js', 'Hello from the whale'],
    ports: [80],
  }
}

/** Every image that `examples/images` builds, all on one shared layer. */
export const exampleImages: readonly ExampleImage[] = [
  podScaling('0.1', { title: 'Pod Scaling Demo', colour: '#2b6cb0' }),
  podScaling('0.2', { title: 'Pod Scaling Demo (A)', colour: '#2f855a' }),
  podScaling('0.3', { title: 'Pod Scaling Demo (B)', colour: '#c05621' }),
  {
    name: 'williamyeh/boom:latest',
    apps: ['boom', 'fetch'],
    commands: { ...fetchCommands, boom: 'boom/main.ts' },
    entrypoint: ['/usr/local/bin/boom'],
  },
  {
    name: 'docker/whalesay:latest',
    apps: ['whale', 'fetch'],
    commands: { ...fetchCommands, cowsay: 'whale/say.ts' },
    command: ['sh'],
  },
  whaleServer('0.1'),
  whaleServer('0.2'),
  {
    name: 'nginx:latest',
    apps: ['static', 'fetch'],
    commands: { ...fetchCommands, nginx: 'static/main.ts' },
    command: ['nginx', '-g', 'daemon off;'],
    ports: [80],
  },
]
