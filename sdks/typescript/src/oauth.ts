// OAuth in a browser: a person signs in on the server's own pages and comes back with a code (RFC 6749 §4.1, RFC 7636).
import { WatchwordError } from './errors.js'
import { segment } from './path.js'
import { base64url, randomText } from './random.js'
import { keepTokens, type Session, type TokenAnswer } from './session.js'
import type { Send } from './transport.js'

/** Who asks a person for what. */
export interface AuthorizeOptions {
  /** The id of a public client, registered with `redirectUri`. */
  clientId: string
  /** Where the person comes back to; the page's own address without query and fragment when left out. */
  redirectUri?: string
  /** Scopes with spaces between them, such as `openid products:read`. */
  scope?: string
  /** The slug of the tenant, where it is not the server's default one. */
  tenant?: string
  /** Further parameters, such as `prompt` or `resource`. */
  parameters?: Record<string, string>
}

/** What the person allowed. */
export interface Authorized {
  scope: string | undefined
  idToken: string | undefined
}

/** OAuth in a browser. */
export interface BrowserOAuth {
  /** Make the address to send a person to; what their coming back is held against waits in `sessionStorage`. */
  authorizeUrl(options: AuthorizeOptions): Promise<string>
  /** Send the person there. */
  redirect(options: AuthorizeOptions): Promise<void>
  /**
   * Finish on the page that the person came back to: trade the code and begin a session; undefined on any other page.
   *
   * The code is taken out of the page's address.
   */
  callback(address?: string): Promise<Authorized | undefined>
}

interface Waiting {
  state: string
  verifier: string
  clientId: string
  redirectUri: string
  issuer: string
  tokenEndpoint: string
  revocationEndpoint: string
}

interface Metadata {
  issuer: string
  authorization_endpoint: string
  token_endpoint: string
  revocation_endpoint: string
}

/** Make the OAuth of a browser client. */
export function makeBrowserOAuth(transport: Send, session: Session, name: string): BrowserOAuth {
  const place = `${name}:oauth`

  async function authorizeUrl({ tenant, clientId, redirectUri = location.origin + location.pathname, ...asked }: AuthorizeOptions) {
    const path = `/.well-known/oauth-authorization-server${tenant ? `/t/${segment(tenant)}` : ''}`
    const metadata = (await transport({ method: 'GET', path })).body as Metadata
    const [state, verifier] = [randomText(), randomText()]
    const { issuer, token_endpoint: tokenEndpoint, revocation_endpoint: revocationEndpoint } = metadata
    const waiting: Waiting = { state, verifier, clientId, redirectUri, issuer, tokenEndpoint, revocationEndpoint }
    sessionStorage.setItem(place, JSON.stringify(waiting))
    const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier))
    const query = new URLSearchParams({
      ...asked.parameters,
      ...(asked.scope && { scope: asked.scope }),
      response_type: 'code',
      client_id: clientId,
      redirect_uri: redirectUri,
      state,
      code_challenge: base64url(new Uint8Array(digest)),
      code_challenge_method: 'S256',
    })
    return `${metadata.authorization_endpoint}?${query}`
  }

  return {
    authorizeUrl,
    redirect: async (options) => location.assign(await authorizeUrl(options)),
    async callback(address = location.href) {
      const url = new URL(address)
      const answer = Object.fromEntries(url.searchParams)
      if (!answer.state || !(answer.code || answer.error)) return undefined
      const waiting: Partial<Waiting> = JSON.parse(sessionStorage.getItem(place) ?? '{}')
      history.replaceState(history.state, '', url.pathname)
      // RFC 9700 §4.7, RFC 9207 §2.4: an answer that this page did not ask for, or that another server gave. It ends no
      // request that waits: whoever makes up an answer must not be able to do that.
      if (waiting.state !== answer.state || waiting.issuer !== answer.iss) {
        throw oauthError('STATE_MISMATCH', 'This answer belongs to no request of this tab; sign in again.')
      }
      sessionStorage.removeItem(place)
      if (answer.error) throw oauthError(answer.error, answer.error_description ?? answer.error)
      const { clientId, redirectUri, verifier, tokenEndpoint, revocationEndpoint } = waiting as Waiting
      const { body } = await transport({
        method: 'POST',
        path: tokenEndpoint,
        repeatable: false,
        form: {
          grant_type: 'authorization_code',
          code: answer.code,
          redirect_uri: redirectUri,
          client_id: clientId,
          code_verifier: verifier,
        },
      })
      const tokens = body as TokenAnswer
      session.begin(keepTokens(tokens, { clientId, tokenEndpoint, revocationEndpoint }))
      return { scope: tokens.scope, idToken: tokens.id_token }
    },
  }
}

const oauthError = (code: string, message: string) => new WatchwordError({ code, message, name: 'OAuthError' })
