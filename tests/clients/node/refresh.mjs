// openid-client: refresh with rotation; an old refresh token that comes back ends the whole family.
import * as client from 'openid-client'
import { given, refusal, tell } from './harness.mjs'
import { bind, discover, signIn } from './openid.mjs'

const config = await discover()
const options = await bind(config)
const { tokens } = await signIn(config, options)
const second = await client.refreshTokenGrant(config, tokens.refresh_token, undefined, options)
const third = await client.refreshTokenGrant(config, second.refresh_token, { scope: given.narrower }, options)
const read = (token) =>
  client.fetchProtectedResource(config, token, new URL(given.api), 'GET', undefined, undefined, options)
const before = await read(third.access_token)
const reused = await refusal(client.refreshTokenGrant(config, tokens.refresh_token, undefined, options))
const ended = await refusal(client.refreshTokenGrant(config, third.refresh_token, undefined, options))
const after = await refusal(read(third.access_token))

tell({
  rotated: new Set([tokens.refresh_token, second.refresh_token, third.refresh_token]).size === 3,
  scope: third.scope,
  before: before.status,
  reused,
  ended,
  after,
})
