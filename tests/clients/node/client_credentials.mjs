// openid-client: a token for the client itself, by a secret sent in either way.
import * as client from 'openid-client'
import { given, refusal, tell } from './harness.mjs'

const ways = { client_secret_basic: client.ClientSecretBasic, client_secret_post: client.ClientSecretPost }
const authenticate = ways[given.method]
const discover = (secret) =>
  client.discovery(new URL(given.issuer), given.client_id, undefined, authenticate(secret))

const config = await discover(given.client_secret)
const tokens = await client.clientCredentialsGrant(config, { scope: 'products:read' })
const answer = await client.fetchProtectedResource(config, tokens.access_token, new URL(given.api), 'GET')
const { docs } = await answer.json()

const impostor = await discover('wrong')
const refused = await refusal(client.clientCredentialsGrant(impostor, { scope: 'products:read' }))

tell({ status: answer.status, names: docs.map((doc) => doc.name), refused })
