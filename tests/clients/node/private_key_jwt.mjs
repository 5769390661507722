// openid-client: the client proves itself by its key (RFC 7523), and by no other.
import * as client from 'openid-client'
import { generateKeyPair } from 'jose'
import { given, refusal, tell } from './harness.mjs'
import { discover } from './openid.mjs'

const config = await discover()
const tokens = await client.clientCredentialsGrant(config)
const answer = await client.fetchProtectedResource(config, tokens.access_token, new URL(given.api), 'GET')
const { privateKey } = await generateKeyPair(given.key.alg)
const impostor = new client.Configuration(
  config.serverMetadata(), given.client_id, {}, client.PrivateKeyJwt({ key: privateKey, kid: given.key.kid }))

tell({ status: answer.status, refused: await refusal(client.clientCredentialsGrant(impostor)) })
