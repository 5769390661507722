// openid-client and oauth4webapi: a request in a signed object (RFC 9101), which this server says that it does not take.
import * as oauth from 'oauth4webapi'
import * as client from 'openid-client'
import { given, refusal, tell } from './harness.mjs'
import { discover } from './openid.mjs'

const config = await discover()
const { privateKey } = await oauth.generateKeyPair('ES256')
const parameters = {
  redirect_uri: given.redirect_uri,
  response_type: 'code',
  scope: given.scope,
  code_challenge: await client.calculatePKCECodeChallenge(client.randomPKCECodeVerifier()),
  code_challenge_method: 'S256',
}
const url = await client.buildAuthorizationUrlWithJAR(config, parameters, privateKey)
// Beside the object stands where the answer goes, as a client sends it that speaks to servers of both kinds.
url.searchParams.set('redirect_uri', given.redirect_uri)
const answer = await fetch(url, { redirect: 'manual' })
const location = answer.headers.get('location')
const read = await refusal(client.authorizationCodeGrant(config, new URL(location ?? given.redirect_uri), {}))

const issuer = new URL(given.issuer)
const as = await oauth
  .discoveryRequest(issuer, { algorithm: 'oauth2' })
  .then((response) => oauth.processDiscoveryResponse(issuer, response))
const web = { client_id: given.client_id }
const request = await oauth.issueRequestObject(as, web, { ...parameters, ...web }, privateKey)
const pushed = await oauth.pushedAuthorizationRequest(as, web, oauth.ClientSecretPost(given.client_secret), { ...web, request })

tell({
  read,
  pushed: await refusal(oauth.processPushedAuthorizationResponse(as, web, pushed)),
})
