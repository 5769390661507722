// How long a token is good, on this machine's clock.

/** When to renew a token and when it ends, in Unix milliseconds of this machine's clock; null where nobody knows, or never. */
export interface Life {
  renewAt: number | null
  endsAt: number | null
}

/** Of its life, what is left when a token is renewed: enough for whoever comes by rarely, and for a server that is away. */
const LEFT = 0.1

/**
 * Measure the life of a token that has just come; `exp` is Unix seconds of the server, `madeAt` its own time.
 *
 * A token that says when it was made, or whose answer does, is measured by that, so that a clock that is wrong here does
 * no harm. Where neither does, and the token seems to have ended before it came, it is to be renewed at once: the answer
 * to that says when it was made.
 */
export function lifeOf(exp: number | undefined, token?: string, madeAt?: string): Life {
  const claims = readClaims(token)
  const ends = exp ?? claims?.exp
  if (!ends) return { renewAt: null, endsAt: null }
  const now = Date.now()
  const made = madeAt ? Date.parse(madeAt) : claims?.iat ? claims.iat * 1000 : now
  const life = ends * 1000 - made
  return life > 0 ? { renewAt: now + life * (1 - LEFT), endsAt: now + life } : { renewAt: now, endsAt: null }
}

/** Read the life of a token that came some time ago from what it says itself. */
export function claimedLife(token: string): Life {
  const { iat, exp } = readClaims(token) ?? {}
  if (!exp || !iat) return { renewAt: null, endsAt: null }
  return { renewAt: (exp - (exp - iat) * LEFT) * 1000, endsAt: exp * 1000 }
}

function readClaims(token = ''): { iat?: number; exp?: number } | undefined {
  try {
    return JSON.parse(atob(token.split('.')[1]!.replace(/-/g, '+').replace(/_/g, '/')))
  } catch {
    return undefined
  }
}
