// openid-client: a person allows the client, which then knows who it was and reads the API in that person's place.
import * as client from 'openid-client'
import { given, refusal, tell } from './harness.mjs'
import { bind, discover, signIn } from './openid.mjs'

const config = await discover()
const options = await bind(config)
const { url, callback, tokens } = await signIn(config, options)
const claims = tokens.claims()
const user = await client.fetchUserInfo(config, tokens.access_token, claims.sub, options)
const answer = await client.fetchProtectedResource(
  config, tokens.access_token, new URL(given.api), 'GET', undefined, undefined, options)
const replayed = await refusal(
  client.authorizationCodeGrant(config, callback, {
    pkceCodeVerifier: client.randomPKCECodeVerifier(),
    expectedState: callback.searchParams.get('state'),
    expectedNonce: claims.nonce,
  }, undefined, options))

tell({
  claims,
  user,
  replayed,
  status: answer.status,
  iss: callback.searchParams.get('iss'),
  token_type: tokens.token_type,
  sent: Object.fromEntries(url.searchParams),
})
