// openid-client: a client registers itself (RFC 7591) and signs a person in with what it got.
import * as client from 'openid-client'
import { given, tell } from './harness.mjs'
import { signIn } from './openid.mjs'

const config = await client.dynamicClientRegistration(
  new URL(given.issuer),
  {
    client_name: 'Registered by itself',
    redirect_uris: [given.redirect_uri],
    grant_types: ['authorization_code', 'refresh_token'],
    token_endpoint_auth_method: 'none',
  },
  client.None(),
  { initialAccessToken: given.initial_access_token })
const { tokens } = await signIn(config)

tell({ client_id: config.clientMetadata().client_id, claims: tokens.claims(), scope: tokens.scope })
