// Where the server is: as the option says, else as the page, the build or the environment says, else where the page is from.
import { setupError } from './errors.js'

declare const process: { env: Record<string, string | undefined> }

const LOOPBACK = /^(localhost|.+\.localhost|127(\.\d+){3}|\[::1\])$/

/**
 * Return the server's address without a slash at its end.
 *
 * HTTP without TLS is taken for this machine only: a credential that went over it has been seen.
 */
export function findBaseUrl(option: string | undefined): string {
  const here = globalThis as { WATCHWORD_URL?: string; location?: { origin?: string } }
  const text = option || here.WATCHWORD_URL || fromEnvironment() || here.location?.origin
  if (!text || text === 'null') {
    throw setupError('MISSING_BASE_URL', 'Where is the server? Set baseUrl, or the environment variable WATCHWORD_URL.')
  }
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url || !/^https?:$/.test(url.protocol)) throw setupError('WRONG_BASE_URL', `baseUrl is no web address: ${text}`)
  if (url.protocol === 'http:' && !LOOPBACK.test(url.hostname)) {
    throw setupError('INSECURE_BASE_URL', `Use https for ${url.host}: over http everyone on the way reads the credentials.`)
  }
  return (url.origin + url.pathname).replace(/\/+(api\/?)?$/, '')
}

function fromEnvironment(): string | undefined {
  // A bundler that puts values in place of names finds these whole names only; where there are none, reading them fails.
  try {
    if (process.env.NEXT_PUBLIC_WATCHWORD_URL) return process.env.NEXT_PUBLIC_WATCHWORD_URL
  } catch {}
  try {
    return process.env.WATCHWORD_URL
  } catch {
    return undefined
  }
}
