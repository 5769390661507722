// oauth4webapi: the authorization code flow step by step, pushed (RFC 9126) and bound to a key (RFC 9449) when asked.
import { importJWK } from 'jose'
import * as oauth from 'oauth4webapi'
import { given, open, refusal, tell } from './harness.mjs'

const issuer = new URL(given.issuer)
const as = await oauth
  .discoveryRequest(issuer, { algorithm: 'oauth2' })
  .then((response) => oauth.processDiscoveryResponse(issuer, response))
const client = { client_id: given.client_id }

async function authentication() {
  if (given.key) return oauth.PrivateKeyJwt({ key: await importJWK(given.key, given.key.alg), kid: given.key.kid })
  return given.client_secret ? oauth.ClientSecretPost(given.client_secret) : oauth.None()
}

const proof = await authentication()
const DPoP = given.dpop ? oauth.DPoP(client, await oauth.generateKeyPair('ES256')) : undefined
const verifier = oauth.generateRandomCodeVerifier()
const state = oauth.generateRandomState()
const nonce = oauth.generateRandomNonce()
const parameters = {
  client_id: given.client_id,
  redirect_uri: given.redirect_uri,
  response_type: 'code',
  scope: given.scope,
  code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
  code_challenge_method: 'S256',
  state,
  nonce,
}

/** Send a request; a server that wants its nonce in the proof says so, and gets it at the second try (RFC 9449 §8). */
async function withNonce(send, process) {
  try {
    return await process(await send())
  } catch (error) {
    if (!DPoP || !oauth.isDPoPNonceError(error)) throw error
    return process(await send())
  }
}

let query = parameters
if (given.pushed) {
  const pushed = await withNonce(
    () => oauth.pushedAuthorizationRequest(as, client, proof, parameters, { DPoP }),
    (response) => oauth.processPushedAuthorizationResponse(as, client, response))
  query = { client_id: given.client_id, request_uri: pushed.request_uri }
}
const url = new URL(as.authorization_endpoint)
url.search = new URLSearchParams(query).toString()

const callback = await open(url)
const answered = oauth.validateAuthResponse(as, client, callback, state)
const redeem = (codeVerifier) =>
  oauth.authorizationCodeGrantRequest(as, client, proof, answered, given.redirect_uri, codeVerifier, { DPoP })
const tokens = await withNonce(
  () => redeem(verifier),
  (response) => oauth.processAuthorizationCodeResponse(as, client, response, { expectedNonce: nonce, requireIdToken: true }))
const claims = oauth.getValidatedIdTokenClaims(tokens)
const user = await withNonce(
  () => oauth.userInfoRequest(as, client, tokens.access_token, { DPoP }),
  (response) => oauth.processUserInfoResponse(as, client, claims.sub, response))
const answer = await withNonce(
  () => oauth.protectedResourceRequest(tokens.access_token, 'GET', new URL(given.api), undefined, undefined, { DPoP }),
  (response) => response)
const elsewhere = new URL(callback)
elsewhere.searchParams.set('iss', 'https://elsewhere.example')

tell({
  claims,
  user,
  status: answer.status,
  token_type: tokens.token_type,
  iss: callback.searchParams.get('iss'),
  sent: Object.fromEntries(url.searchParams),
  mixed_up: await refusal(Promise.resolve().then(() => oauth.validateAuthResponse(as, client, elsewhere, state))),
})
