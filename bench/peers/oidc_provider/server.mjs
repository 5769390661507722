// A peer: oidc-provider as its documentation builds it, in memory, with client credentials and introspection.
// Run: node server.mjs PORT CLIENT_ID:SECRET,CLIENT_ID:SECRET; the first client gets JWT tokens, the second opaque ones.
import { generateKeyPairSync } from 'node:crypto'
import { Provider } from 'oidc-provider'

const port = Number(process.argv[2])
const [signed, opaque] = process.argv[3].split(',').map((pair) => pair.split(':'))
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const resource = (accessTokenFormat) => ({ scope: 'products:read', audience: 'https://api.example', accessTokenFormat, accessTokenTTL: 600 })

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [signed, opaque].map(([client_id, client_secret]) => ({
    client_id,
    client_secret,
    grant_types: ['client_credentials'],
    redirect_uris: [],
    response_types: [],
    token_endpoint_auth_method: 'client_secret_basic',
  })),
  jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), kid: 'bench', use: 'sig', alg: 'RS256' }] },
  scopes: ['products:read'],
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    introspection: { enabled: true, allowedPolicy: () => true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => 'https://api.example',
      useGrantedResource: () => true,
      getResourceServerInfo: (ctx, indicator, client) => resource(client.clientId === signed[0] ? 'jwt' : 'opaque'),
    },
  },
})
provider.listen(port, '127.0.0.1')
