// OAuth for servers: a client that acts for itself (RFC 6749 §4.4), and one credential for a narrower one (RFC 8693).
import { segment } from './path.js'
import type { TokenAnswer } from './session.js'
import type { Send } from './transport.js'

/** A confidential client, and what it asks for. */
export interface ClientOptions {
  clientId: string
  clientSecret: string
  /** Scopes with spaces between them; all that the client has when left out. */
  scope?: string
  /** The API that the token is for (RFC 8707); the tenant's own when left out. */
  resource?: string
  /** The slug of the tenant, where it is not the server's default one. */
  tenant?: string
}

/** What is brought to an exchange. */
export interface ExchangeOptions extends ClientOptions {
  /** The credential to trade; this client's secret key when left out. */
  subjectToken?: string
  /** What it is; an access token when left out with `subjectToken` given. */
  subjectTokenType?: 'access_token' | 'session' | 'api_key'
}

/** An access token. */
export interface Token {
  accessToken: string
  /** Seconds. */
  expiresIn: number | undefined
  scope: string | undefined
}

/** OAuth for servers. */
export interface ServerOAuth {
  /** Get an access token for the client itself. */
  clientCredentials(options: ClientOptions): Promise<Token>
  /** Trade a credential for an access token that may do less. */
  tokenExchange(options: ExchangeOptions): Promise<Token>
}

const TYPES = {
  access_token: 'urn:ietf:params:oauth:token-type:access_token',
  session: 'urn:ietf:params:oauth:token-type:jwt',
  api_key: 'urn:watchword:params:oauth:token-type:api_key',
}

/** Make the OAuth of a server client; `send` carries no key. */
export function makeServerOAuth(send: Send, secretKey: string): ServerOAuth {
  async function grant({ clientId, clientSecret, scope, resource, tenant }: ClientOptions, form: Record<string, string>): Promise<Token> {
    // RFC 6749 §2.3.1: each part is encoded as in a form before they are joined.
    const pair = [clientId, clientSecret].map((part) => new URLSearchParams({ part }).toString().slice(5)).join(':')
    const { body } = await send({
      method: 'POST',
      path: `${tenant ? `/t/${segment(tenant)}` : ''}/oauth/token`,
      headers: { Authorization: `Basic ${btoa(pair)}` },
      form: { ...form, scope, resource },
    })
    const { access_token: accessToken, expires_in: expiresIn, scope: given } = body as TokenAnswer
    return { accessToken, expiresIn, scope: given }
  }

  return {
    clientCredentials: (options) => grant(options, { grant_type: 'client_credentials' }),
    tokenExchange: (options) =>
      grant(options, {
        grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
        subject_token: options.subjectToken ?? secretKey,
        subject_token_type: TYPES[options.subjectTokenType ?? (options.subjectToken ? 'access_token' : 'api_key')],
      }),
  }
}
