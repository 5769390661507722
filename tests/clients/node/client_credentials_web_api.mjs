// oauth4webapi: discovery of server and API, a token for the client itself, and its check at the API's side.
import * as oauth from 'oauth4webapi'
import { given, tell } from './harness.mjs'

const issuer = new URL(given.issuer)
const as = await oauth
  .discoveryRequest(issuer, { algorithm: given.algorithm })
  .then((response) => oauth.processDiscoveryResponse(issuer, response))
const resource = new URL(given.resource)
const described = await oauth
  .resourceDiscoveryRequest(resource)
  .then((response) => oauth.processResourceDiscoveryResponse(resource, response))

const client = { client_id: given.client_id }
const parameters = new URLSearchParams({ scope: 'products:read', resource: given.resource })
const tokens = await oauth
  .clientCredentialsGrantRequest(as, client, oauth.ClientSecretBasic(given.client_secret), parameters)
  .then((response) => oauth.processClientCredentialsResponse(as, client, response))

const answer = await oauth.protectedResourceRequest(tokens.access_token, 'GET', new URL(given.api))
const headers = { authorization: `Bearer ${tokens.access_token}` }
const claims = await oauth.validateJwtAccessToken(as, new Request(given.api, { headers }), given.resource)

tell({ status: answer.status, resource: described.resource, claims })
