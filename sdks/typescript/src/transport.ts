// One request and its answer: sent again where that helps and does no harm, and refused as one kind of error.
import { WatchwordError, type FieldFault } from './errors.js'
import { randomText } from './random.js'

/** How often and how patiently a request is sent again. */
export interface RetryOptions {
  /** Tries after the first; 3. */
  maxRetries?: number
  /** Answers after which another try may help; 408, 429, 500, 502, 503, 504. */
  retryableStatuses?: readonly number[]
  /** Milliseconds to wait before a try, counted from 0, where the server named no time. */
  retryDelay?: (attempt: number) => number
  /** The longest wait, in milliseconds; where the server asks for more, the error comes at once. 30,000. */
  maxDelay?: number
}

/** What is written to the console; never a header or a body. */
export interface DebugOptions {
  logRequests?: boolean
  logResponses?: boolean
  logErrors?: boolean
}

/** What both kinds of client take. */
export interface TransportOptions {
  /** Where the server is; without it `WATCHWORD_URL` of the page or the environment, else the page's own origin. */
  baseUrl?: string | undefined
  retry?: RetryOptions
  debug?: boolean | DebugOptions
  /** Milliseconds after which a try is given up; 30,000. */
  timeout?: number
  /** The function that sends, in place of the global one. */
  fetch?: typeof fetch
}

/** The limit that the request was counted against. */
export interface RateLimit {
  limit: number
  remaining: number
  /** When it begins anew, in Unix seconds: the header `X-RateLimit-Reset`. */
  reset: number
}

export interface Request {
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  /** Path and query, or a whole address. */
  path: string
  json?: unknown
  form?: Record<string, string | undefined>
  headers?: Record<string, string>
  credentials?: RequestCredentials
  /** False where a second arrival would count: then only answers that promise "nothing was done" are followed by a try. */
  repeatable?: boolean
}

export interface Answer {
  status: number
  body: unknown
  rateLimit: RateLimit | undefined
}

export type Send = (request: Request) => Promise<Answer>

const NOTHING_DONE = [429, 503]

/** Make the function that sends requests with these headers. */
export function makeSend(baseUrl: string, own: Record<string, string>, options: TransportOptions): Send {
  const { retry = {}, timeout = 30_000 } = options
  const debug = options.debug === true ? { logRequests: true, logResponses: true, logErrors: true } : options.debug || {}
  const statuses = retry.retryableStatuses ?? [408, 429, 500, 502, 503, 504]
  const delayMax = retry.maxDelay ?? 30_000
  // Half of it at random, so that those who failed together do not come back together.
  const delayOf = retry.retryDelay ?? ((attempt) => 250 * 2 ** attempt * (0.5 + Math.random() / 2))

  async function once(request: Request, init: RequestInit): Promise<Answer> {
    const began = Date.now()
    const line = `[watchword] ${request.method} ${request.path.replace(/\?.*/, '')}`
    if (debug.logRequests) console.debug(line)
    try {
      const url = request.path.startsWith('/') ? baseUrl + request.path : request.path
      const response = await (options.fetch ?? fetch)(url, { ...init, signal: AbortSignal.timeout(timeout) })
      const answer = await readAnswer(response)
      if (debug.logResponses) console.debug(line, answer.status, `${Date.now() - began} ms`)
      return answer
    } catch (error) {
      const told = error instanceof WatchwordError ? error : networkError(error, baseUrl)
      if (debug.logErrors) console.debug(line, told.status, told.code, told.requestId ?? '')
      throw told
    }
  }

  return async (request) => {
    const init = makeInit(request, own)
    for (let attempt = 0; ; attempt++) {
      try {
        return await once(request, init)
      } catch (error) {
        const { status, code, retryAfter } = error as WatchwordError
        const mayHelp = status ? statuses.includes(status) : code === 'NETWORK_ERROR' || code === 'TIMEOUT'
        const mayRepeat = request.repeatable !== false || NOTHING_DONE.includes(status)
        const delay = retryAfter === undefined ? delayOf(attempt) : retryAfter * 1000 + Math.random() * 250
        if (attempt >= (retry.maxRetries ?? 3) || !mayHelp || !mayRepeat || delay > delayMax + 250) throw error
        await new Promise((resolve) => setTimeout(resolve, delay))
      }
    }
  }
}

function makeInit(request: Request, own: Record<string, string>): RequestInit {
  const headers: Record<string, string> = { ...own, ...request.headers }
  // No redirect is followed: what proves the caller is for this server alone. Cloudflare's workers do not take `error`.
  const init: RequestInit = { method: request.method, headers, credentials: request.credentials ?? 'omit', redirect: 'manual' }
  // The same for every try, so that a write whose answer was lost is done once.
  if (request.method !== 'GET' && request.json !== undefined) headers['Idempotency-Key'] ??= randomText()
  if (request.json !== undefined) {
    headers['Content-Type'] = 'application/json'
    init.body = JSON.stringify(request.json)
  } else if (request.form) {
    const fields = Object.entries(request.form).filter((pair): pair is [string, string] => pair[1] !== undefined)
    init.body = new URLSearchParams(fields)
  }
  return init
}

async function readAnswer(response: Response): Promise<Answer> {
  const text = await response.text()
  const { status, headers } = response
  let body: unknown
  try {
    body = text ? JSON.parse(text) : {}
  } catch {
    body = undefined
  }
  if (status >= 400) throw refusal(status, body, headers)
  // A page is told of a redirect by a status of 0.
  if (!response.ok || body === undefined) {
    const message = `The answer is ${response.ok ? 'not JSON' : 'a redirect'}: is baseUrl the address of a Watchword server?`
    throw new WatchwordError({ code: 'WRONG_ANSWER', message, status })
  }
  const [limit, remaining, reset] = ['Limit', 'Remaining', 'Reset'].map((name) => headers.get(`X-RateLimit-${name}`))
  return { status, body, rateLimit: limit ? { limit: +limit, remaining: Number(remaining), reset: Number(reset) } : undefined }
}

interface Extensions {
  code?: string
  retryAfter?: number
  fields?: FieldFault[]
  [more: string]: unknown
}

interface Refused {
  errors?: { message?: string; name?: string; extensions?: Extensions }[]
  error?: string
  error_description?: string
}

function refusal(status: number, body: unknown, headers: Headers): WatchwordError {
  const refused = (body ?? {}) as Refused
  const first = refused.errors?.[0]
  const { code, retryAfter, fields, ...details } = first?.extensions ?? {}
  const header = headers.get('Retry-After')
  return new WatchwordError({
    code: code ?? refused.error ?? `HTTP_${status}`,
    message: first?.message ?? refused.error_description ?? refused.error ?? `The server answered with status ${status}.`,
    name: first?.name ?? (refused.error ? 'OAuthError' : 'HttpError'),
    status,
    requestId: headers.get('X-Request-Id') ?? undefined,
    retryAfter: header && /^\d+$/.test(header) ? +header : retryAfter,
    fields,
    details,
  })
}

function networkError(error: unknown, baseUrl: string): WatchwordError {
  const { name, code, cause } = error as { name?: string; code?: unknown; cause?: { code?: string; message?: string } }
  const parts = { name: 'NetworkError', cause: error }
  // Node's code of the cause, Bun's of the error, and Deno's words; a page is not told.
  const fault = cause?.code ?? (typeof code === 'string' ? code : /invalid peer certificate.*/.exec(cause?.message ?? '')?.[0]) ?? ''
  if (name === 'TimeoutError') return new WatchwordError({ ...parts, code: 'TIMEOUT', message: `${baseUrl} did not answer in time.` })
  if (/CERT|SIGNATURE|ISSUER|ALTNAME|CONSTRAINT/i.test(fault)) {
    const message = `The certificate of ${baseUrl} is not trusted (${fault}). For the development certificate start Node with NODE_EXTRA_CA_CERTS, Deno with DENO_CERT.`
    return new WatchwordError({ ...parts, code: 'CERTIFICATE_NOT_TRUSTED', message })
  }
  const message = `${baseUrl} could not be reached; in a browser it may be that the server does not list the page's origin.`
  return new WatchwordError({ ...parts, code: 'NETWORK_ERROR', message })
}
