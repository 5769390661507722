// People: sign in and out, one's own account and sessions, registration and recovery.
import { WatchwordError } from './errors.js'
import { lifeOf } from './life.js'
import { segment } from './path.js'
import type { Kept, Session, User } from './session.js'
import type { Send } from './transport.js'

/** A session that has just begun; `token` is missing in cookie mode, `exp` is Unix seconds. */
export interface SignedIn {
  user: User
  token?: string
  exp: number
}

/** One of the user's own sessions. */
export interface SessionInfo {
  id: string
  current: boolean
  address: string
  userAgent: string
  createdAt: string
  refreshedAt: string
  expiresAt: string
  endsAt: string
}

/** What the user may change; `email` and `password` need `currentPassword` beside them. */
export interface AccountChange {
  name?: string
  email?: string
  password?: string
  currentPassword?: string
}

/** People. Every method throws a `WatchwordError` where the server refuses. */
export interface Users {
  /** Sign in; every later request of this client is the user's. */
  login(credentials: { email: string; password: string }): Promise<SignedIn>
  /** Sign out, of this session or of all; the client forgets the session whatever the server says. */
  logout(options?: { allSessions?: boolean }): Promise<void>
  /** Read who is signed in. */
  me(): Promise<SignedIn>
  /** Get a new token now; before the old one ends this happens by itself. */
  refresh(): Promise<void>
  /** Make an account where the tenant allows it; the answer is the same for an address that is taken. */
  register(account: { email: string; password: string; name?: string }): Promise<{ message: string }>
  /** Change one's own account. */
  update(change: AccountChange): Promise<User>
  /** List one's sessions, the newest first. */
  sessions(): Promise<SessionInfo[]>
  /** End one of one's sessions. */
  endSession(id: string): Promise<void>
  /** Ask for a letter with a code to choose a new password. */
  forgotPassword(email: string): Promise<{ message: string }>
  /** Choose a new password with that code, and be signed in. */
  resetPassword(reset: { token: string; password: string }): Promise<SignedIn>
  /** Confirm an e-mail address with the code of a letter. */
  verifyEmail(code: string): Promise<{ message: string }>
}

/** Give an OAuth session back (RFC 7009): with the refresh token goes everything that hangs on it. */
const revoke = (transport: Send, { token, oauth }: Kept) =>
  transport({
    method: 'POST',
    path: oauth!.revocationEndpoint,
    form: { token: oauth!.refresh ?? token, client_id: oauth!.clientId },
  })

/** Make the users of a client. */
export function makeUsers(transport: Send, session: Session, inCookie: boolean): Users {
  const post = async (path: string, json?: unknown) =>
    (await transport({ method: 'POST', path: `/api/users/${path}`, json, repeatable: false })).body as any

  async function signIn(path: string, json: unknown): Promise<SignedIn> {
    const { body } = await transport({
      method: 'POST',
      path: `/api/users/${path}?cookie=${inCookie}`,
      json,
      repeatable: false,
      ...(inCookie && { credentials: 'include' as const }),
    })
    const { user, token, exp } = body as SignedIn
    session.begin({ token, user, ...lifeOf(exp, token) })
    return { user, exp, ...(token && { token }) }
  }

  return {
    login: (credentials) => signIn('login', credentials),
    resetPassword: (reset) => signIn('reset-password', reset),
    refresh: () => session.renew(),
    register: (account) => post('register', account),
    forgotPassword: (email) => post('forgot-password', { email }),
    verifyEmail: async (code) => post(`verify/${segment(code)}`),
    async me() {
      const { user, token, exp } = (await session.send({ method: 'GET', path: '/api/users/me' })).body as SignedIn
      // Of a session in the cookie, a page that was just opened learns here when it ends.
      if (inCookie && !session.peek()) session.begin({ user, ...lifeOf(exp) })
      return { user, exp, ...(token && { token }) }
    },
    async logout({ allSessions = false } = {}) {
      const kept = session.peek()
      if (!kept && !inCookie) return
      try {
        if (kept?.oauth) await revoke(transport, kept)
        else await session.send({ method: 'POST', path: `/api/users/logout${allSessions ? '?allSessions=true' : ''}` })
      } catch (error) {
        // A session that is over already is what was wanted.
        if (!(error instanceof WatchwordError && (error.status === 401 || error.status === 419))) throw error
      } finally {
        session.end()
      }
    },
    update: async (change) => ((await session.send({ method: 'PATCH', path: '/api/users/me', json: change })).body as { user: User }).user,
    sessions: async () => ((await session.send({ method: 'GET', path: '/api/users/sessions' })).body as { docs: SessionInfo[] }).docs,
    endSession: async (id) => void (await session.send({ method: 'DELETE', path: `/api/users/sessions/${segment(id)}` })),
  }
}
