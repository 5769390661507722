// A real server for tests, in Node: the test server of the Python client, as a process that ends with the one that asked.
import { spawn } from 'node:child_process'
import { setupError } from './errors.js'

declare const process: { env: Record<string, string | undefined>; platform: string }

/** What a test server is started by. */
export interface StartOptions {
  /** The Python that has `watchword-client[testing]`; `WATCHWORD_PYTHON` of the environment when left out, else `python3`. */
  python?: string
}

/** A running server's clock, which goes on from where it is set. */
export interface ServerClock {
  /** Let time pass at the server. */
  advance(seconds: number): Promise<void>
  /** Set its wall clock. */
  set(unixSeconds: number): Promise<void>
}

/** A running server with one tenant, `shop`, which is its default one. */
export interface WatchwordServer {
  /** Where it is; also the tenant's issuer. */
  readonly url: string
  readonly clock: ServerClock
  /** Keys of the tenant, live and test. */
  readonly clientKey: string
  readonly secretKey: string
  readonly testClientKey: string
  readonly testSecretKey: string
  /** An OAuth client of the tenant, for `client_credentials` and introspection. */
  readonly clientId: string
  readonly clientSecret: string
  /** The API that this client may ask tokens for. */
  readonly audience: string
  /** The tenant's administrator. */
  readonly email: string
  readonly password: string
  readonly tenantId: string
  readonly adminId: string
  /** End the server, and all that it stored. */
  stop(): Promise<void>
}

type Names = Omit<WatchwordServer, 'clock' | 'stop'>
type Told = { ready: Names } | { done: number } | { refused: string }

/** Start a server on a free port of this machine; it ends with `stop`, and with this process. */
export async function startWatchword(options: StartOptions = {}): Promise<WatchwordServer> {
  const python = options.python ?? process.env.WATCHWORD_PYTHON ?? (process.platform === 'win32' ? 'python' : 'python3')
  const talk = begin(python)
  const told = await talk.next()
  if (!('ready' in told)) {
    void talk.stop()
    throw notStarted(python, `it said ${JSON.stringify(told)}`)
  }
  const tell = async (command: Record<string, number>) => {
    talk.write(command)
    const answer = await talk.next()
    if ('refused' in answer) throw setupError('WRONG_TIME', answer.refused)
  }
  const clock = { advance: (advance: number) => tell({ advance }), set: (set: number) => tell({ set }) }
  return { ...told.ready, clock, stop: talk.stop }
}

const notStarted = (python: string, why: string) =>
  setupError('TEST_SERVER_NOT_RUNNING', `No test server by ${python}: ${why}. It takes pip install 'watchword-client[testing]'.`)

function read(line: string): Told {
  try {
    return JSON.parse(line) as Told
  } catch {
    // Another program, or one that prints beside.
    return { refused: line }
  }
}

/** Start the process; answers come in the order of what was written. */
function begin(python: string) {
  const child = spawn(python, ['-m', 'watchword_client.testing_process'], { stdio: 'pipe', windowsHide: true })
  const waiting: { resolve: (told: Told) => void; reject: (error: Error) => void }[] = []
  const said: Told[] = []
  let [line, complaint, fault] = ['', '', '']
  let isOver = false

  child.stdout.setEncoding('utf8')
  child.stdout.on('data', (text) => {
    const lines = (line + text).split('\n')
    line = lines.pop()!
    for (const whole of lines) {
      const next = waiting.shift()
      if (next) next.resolve(read(whole))
      else said.push(read(whole))
    }
  })
  child.stderr.setEncoding('utf8')
  child.stderr.on('data', (text) => (complaint = (complaint + text).slice(-2000)))
  child.on('error', (error) => (fault = error.message))
  // What is written to a process that has ended is answered by its end.
  child.stdin.on('error', () => undefined)
  const over = new Promise<void>((resolve) => {
    child.on('close', () => {
      isOver = true
      for (const { reject } of waiting.splice(0)) reject(ended())
      resolve()
    })
  })
  const ended = () => notStarted(python, fault || complaint.trim() || 'it has ended')

  return {
    write: (command: Record<string, number>) => child.stdin.write(`${JSON.stringify(command)}\n`),
    next: () =>
      new Promise<Told>((resolve, reject) => {
        const next = said.shift()
        if (next) resolve(next)
        else if (isOver) reject(ended())
        else waiting.push({ resolve, reject })
      }),
    stop: () => {
      child.stdin.end()
      return over
    },
  }
}
