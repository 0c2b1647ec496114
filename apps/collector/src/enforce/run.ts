import { spawn } from 'node:child_process'

/** A device did not take what it was given. `unreachable`: it was never asked, so that nothing is known of it. */
export class DeviceError extends Error {
  override readonly name = 'DeviceError'
  readonly unreachable: boolean
  constructor(message: string, unreachable: boolean, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.unreachable = unreachable
  }
}

const OUTPUT_MOST = 16 * 1024 * 1024

/**
 * Run a program with an argument list and give what it printed; no shell is ever involved. Throws DeviceError: it could not be started or did not
 * end in time (`unreachable`), or ended with a status other than 0.
 */
export async function run(argv: readonly string[], input: string, timeoutMs: number): Promise<string> {
  const [program = '', ...rest] = argv
  return await new Promise((resolve, reject) => {
    // Of our own environment only the search path: no database password goes along.
    const child = spawn(program, rest, {
      stdio: 'pipe',
      shell: false,
      env: { PATH: process.env.PATH ?? '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' },
    })
    const out: Buffer[] = []
    const errors: Buffer[] = []
    let size = 0
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      reject(new DeviceError(`${program} did not answer within ${timeoutMs / 1_000} s`, true))
    }, timeoutMs)
    const keep = (list: Buffer[]) => (chunk: Buffer) => {
      size += chunk.length
      if (size > OUTPUT_MOST) child.kill('SIGKILL')
      else list.push(chunk)
    }
    child.stdout.on('data', keep(out))
    child.stderr.on('data', keep(errors))
    // A program that ends before it has read everything says why by its status.
    child.stdin.on('error', () => undefined)
    child.on('error', (error) => {
      clearTimeout(timer)
      reject(new DeviceError(`${program} cannot be started: ${error.message}`, true, error))
    })
    child.on('close', (status, signal) => {
      clearTimeout(timer)
      // Some programs complain on standard output.
      const said =
        [errors, out]
          .map((list) => Buffer.concat(list).toString('utf8').trim())
          .find((text) => text !== '')
          ?.slice(0, 400) ?? ''
      if (status === 0) resolve(Buffer.concat(out).toString('utf8'))
      // 255 is ssh's own: the connection failed, the command was not run.
      else reject(new DeviceError(said === '' ? `${program} ended with ${status ?? signal}` : said, program === 'ssh' && status === 255))
    })
    child.stdin.end(input)
  })
}
