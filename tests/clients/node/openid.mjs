// What the scripts with openid-client share: discovery with the client's own way to prove itself, and signing in.
import { importJWK } from 'jose'
import * as client from 'openid-client'
import { given, open } from './harness.mjs'

const TIMEOUT_SECONDS = 20

async function authentication() {
  if (given.key) return client.PrivateKeyJwt({ key: await importJWK(given.key, given.key.alg), kid: given.key.kid })
  return given.client_secret ? client.ClientSecretBasic(given.client_secret) : client.None()
}

/** Find the server by its issuer alone. */
export const discover = async (metadata = {}) =>
  client.discovery(new URL(given.issuer), given.client_id, metadata, await authentication(), { timeout: TIMEOUT_SECONDS })

/** Keep a key that every request and token of this client is bound to, where the test asks for it. */
export async function bind(config) {
  return given.dpop ? { DPoP: client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256')) } : undefined
}

/** Send a person to the authorization endpoint and redeem the code that comes back. */
export async function signIn(config, options, extra = {}) {
  const pkceCodeVerifier = client.randomPKCECodeVerifier()
  const expectedState = client.randomState()
  const expectedNonce = client.randomNonce()
  const parameters = {
    redirect_uri: given.redirect_uri,
    scope: given.scope,
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
    state: expectedState,
    nonce: expectedNonce,
    ...extra,
  }
  const url = given.pushed
    ? await client.buildAuthorizationUrlWithPAR(config, parameters, options)
    : client.buildAuthorizationUrl(config, parameters)
  const checks = { pkceCodeVerifier, expectedState, expectedNonce, idTokenExpected: true }
  const callback = await open(url)
  const tokens = await client.authorizationCodeGrant(config, callback, checks, undefined, options)
  return { url, callback, tokens }
}
