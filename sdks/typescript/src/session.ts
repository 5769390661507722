// A user's session in this program: kept, renewed before its token ends, shared with other tabs, and ended once.
import { WatchwordError } from './errors.js'
import { claimedLife, lifeOf, type Life } from './life.js'
import { makeTabs } from './tabs.js'
import type { Request, Send } from './transport.js'

/** Who is signed in. */
export interface User {
  id: string
  email: string
  name: string
  /** In the tenant that the client key names. */
  role: string
  tenants: string[]
}

/** What `onAuthStateChange` is told: `user` where it is known, `error` where the server has ended the session. */
export type AuthState = { signedIn: true; user?: User; error?: undefined } | { signedIn: false; user?: undefined; error?: WatchwordError }

/** Where a session is kept between visits: `localStorage`, `sessionStorage`, or anything of their shape. */
export type SessionStorage = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>

/** How a session is kept, and who is told of it. */
export interface SessionOptions {
  /** Called with each new token after a refresh, in every tab; never in cookie mode, where no script sees the token. */
  onTokenRefresh?: (newToken: string) => void
  /** Called when somebody signs in and when the session has ended: once each, in every tab. */
  onAuthStateChange?: (state: AuthState) => void
  /**
   * Where the session is kept; in memory unless chosen otherwise, so that it ends with the page.
   *
   * `'localStorage'` keeps it for the next visit. Warning: every script on the page can read it there, so one hole for
   * a foreign script (XSS) gives the session away. Prefer `cookie`.
   */
  storage?: 'memory' | 'localStorage' | SessionStorage
  /** Keep the token in the server's HttpOnly cookie, which no script can read; for pages on the server's own site. */
  cookie?: boolean
  /** A token that the page has kept itself. */
  token?: string | null | undefined
}

/** A session as it is kept. */
export interface Kept extends Life {
  /** None in cookie mode. */
  token?: string | undefined
  user?: User | undefined
  /** Of an OAuth session: where its refresh token is traded and given back, and the token. */
  oauth?: { refresh?: string | undefined; clientId: string; tokenEndpoint: string; revocationEndpoint: string } | undefined
}

export interface Session {
  /** Send with the session's credential: renewed where it is due, and once more with a new one where it was refused. */
  send: Send
  /** Take up a new session, and tell of it. */
  begin(kept: Kept): void
  /** Drop the session, here and in other tabs, and tell of it. */
  end(): void
  /** Get a new token now. */
  renew(): Promise<void>
  /** Return what is kept. */
  peek(): Kept | undefined
  /** Tell whoever asks of every change from now on; the answer ends that. */
  listen(listener: (state: AuthState) => void): () => void
}

const TIMER_MS_MAX = 2 ** 31 - 1
const DEAD = [401, 419]
const REFUSED = [400, 401, 403, 419]

/** Make the session of a client; `name` tells it from those of other clients on the page. */
export function makeSession(transport: Send, name: string, options: SessionOptions): Session {
  const storage = findStorage(options.storage)
  const inCookie = !!options.cookie
  // A session in memory is a tab's own; the others are shared.
  const tabs = storage || inCookie ? makeTabs<[Kept | undefined, boolean]>(name, ([next, isNew]) => take(next, isNew)) : undefined
  const listeners = new Set(options.onAuthStateChange && [options.onAuthStateChange])
  const tell = (state: AuthState) => listeners.forEach((listener) => listener(state))
  let kept = options.token ? { token: options.token, ...claimedLife(options.token) } : load()
  let cookieIsDead = false
  let renewing: Promise<void> | undefined
  let timer: ReturnType<typeof setTimeout> | undefined
  schedule()

  function load(): Kept | undefined {
    try {
      return JSON.parse(storage?.getItem(name) ?? '') as Kept
    } catch {
      return undefined
    }
  }

  /** Have this session from now on, and tell the page what that means; `isNew` says that somebody has just signed in. */
  function take(next: Kept | undefined, isNew = false, error?: WatchwordError): void {
    const before = kept
    kept = next
    cookieIsDead = !next
    schedule()
    if (next && (isNew || before?.user?.id !== next.user?.id)) {
      tell({ signedIn: true, ...(next.user && { user: next.user }) })
    } else if (before && !next) tell({ signedIn: false, ...(error && { error }) })
    else if (next?.token && next.token !== before?.token) options.onTokenRefresh?.(next.token)
  }

  /** The same in every tab and for the next visit. */
  function share(next: Kept | undefined, isNew?: boolean, error?: WatchwordError): void {
    try {
      if (next) storage?.setItem(name, JSON.stringify(next))
      else storage?.removeItem(name)
    } catch {
      // A storage that is full or forbidden takes nothing: the session lasts as long as the page.
    }
    tabs?.tell([next, !!isNew])
    take(next, isNew, error)
  }

  function schedule(): void {
    clearTimeout(timer)
    if (!kept || kept.renewAt === null) return
    // Some way into what is left, at random: tabs that were opened together need not all wake at once.
    const wait = kept.renewAt - Date.now() + Math.random() * 0.1 * ((kept.endsAt ?? kept.renewAt) - kept.renewAt)
    timer = setTimeout(() => (isDue() ? renew().catch(() => {}) : schedule()), Math.min(wait, TIMER_MS_MAX))
    // In Node a session must not keep a program from ending.
    ;(timer as { unref?: () => void }).unref?.()
  }

  const isDue = () => !!kept && kept.renewAt !== null && Date.now() >= kept.renewAt

  const renew = () => (renewing ??= renewOnce().finally(() => (renewing = undefined)))

  async function renewOnce(): Promise<void> {
    const seen = kept
    const work = async (waited: boolean) => {
      if (waited && kept === seen) await tabs!.news()
      const stored = load()
      if (kept === seen && stored && stored.token !== seen?.token) take(stored)
      if (kept !== seen) return
      try {
        const next = await trade(seen)
        // Whoever signed out meanwhile stays signed out.
        if (kept === seen) share({ user: seen?.user, ...next })
      } catch (error) {
        if (kept === seen && error instanceof WatchwordError && REFUSED.includes(error.status)) share(undefined, false, error)
        throw error
      }
    }
    await (tabs ? tabs.alone(work) : work(false))
  }

  /** Trade the token for the next one. */
  async function trade(seen: Kept | undefined): Promise<Kept> {
    if (seen?.oauth) {
      const { clientId, refresh, tokenEndpoint } = seen.oauth
      const form = { grant_type: 'refresh_token', client_id: clientId, refresh_token: refresh }
      const { body } = await transport({ method: 'POST', path: tokenEndpoint, form })
      return keepTokens(body as TokenAnswer, seen.oauth)
    }
    const { body } = await transport(withCredential({ method: 'POST', path: '/api/users/refresh-token' }, seen))
    const { token, exp, user, refreshedAt } = body as { token?: string; exp: number; user: User; refreshedAt: string }
    return { token, user, ...lifeOf(exp, token, refreshedAt) }
  }

  function withCredential(request: Request, from: Kept | undefined): Request {
    if (from?.token) return { ...request, headers: { ...request.headers, Authorization: `Bearer ${from.token}` } }
    return inCookie && !cookieIsDead ? { ...request, credentials: 'include' } : request
  }

  async function send(request: Request) {
    if (isDue()) {
      // While the old token is still good, a server that cannot renew it now is no reason not to ask it.
      await renew().catch((error) => {
        if (!kept || (kept.endsAt !== null && Date.now() >= kept.endsAt)) throw error
      })
    }
    const sent = kept
    try {
      return await transport(withCredential(request, sent))
    } catch (error) {
      if (!(error instanceof WatchwordError && DEAD.includes(error.status) && (await mayTryAgain(error, sent)))) throw error
      return transport(withCredential(request, kept))
    }
  }

  /** Say whether a request that was refused with 401 or 419 may fare better with what is kept now. */
  async function mayTryAgain(error: WatchwordError, sent: Kept | undefined): Promise<boolean> {
    if (kept !== sent) return !!kept
    if (!sent) {
      // A cookie that nobody here signed in with: what anyone may read is still to be had without it.
      const hadCookie = inCookie && !cookieIsDead
      cookieIsDead = true
      return hadCookie
    }
    const stored = load()
    if (stored && stored.token !== sent.token) take(stored)
    else if (error.status === 419 || sent.oauth?.refresh) await renew().catch(() => {})
    else share(undefined, false, error)
    return !!kept && kept !== sent
  }

  return {
    send,
    begin: (next) => share(next, true),
    end: () => kept && share(undefined),
    renew,
    peek: () => kept,
    listen(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
  }
}

/** What the token endpoint answers (RFC 6749 §5.1). */
export interface TokenAnswer {
  access_token: string
  expires_in?: number
  refresh_token?: string
  id_token?: string
  scope?: string
}

/** Make a session of OAuth tokens; without a refresh token it ends with the access token. */
export function keepTokens(answer: TokenAnswer, oauth: NonNullable<Kept['oauth']>): Kept {
  const refresh = answer.refresh_token ?? oauth.refresh
  const life = lifeOf(answer.expires_in === undefined ? undefined : Date.now() / 1000 + answer.expires_in)
  return { token: answer.access_token, ...life, ...(!refresh && { renewAt: null }), oauth: { ...oauth, refresh } }
}

function findStorage(chosen: SessionOptions['storage']): SessionStorage | undefined {
  // On the server, where a page is made ready, there is none.
  if (chosen === 'localStorage') return globalThis.localStorage
  return chosen === 'memory' ? undefined : chosen
}
