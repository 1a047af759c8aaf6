// oidc-provider, with resource indicators (RFC 8707).

import Provider, { errors } from 'oidc-provider';

import { CLIENTS, SCOPES, SECRET, serve } from './serve.mjs';

const METHODS = { 'orders-basic': 'client_secret_basic' };
const RESOURCES = ['https://orders.example', 'https://stock.example'];

serve('/token', (origin) => {
  const provider = new Provider(origin, {
    clients: Object.keys(CLIENTS).map((id) => ({
      client_id: id,
      client_secret: SECRET,
      token_endpoint_auth_method: METHODS[id] ?? 'client_secret_post',
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
      scope: SCOPES.join(' '),
    })),
    clientAuthMethods: ['client_secret_basic', 'client_secret_post'],
    scopes: SCOPES,
    ttl: { ClientCredentials: (context, token, client) => CLIENTS[client.clientId] },
    features: {
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (context, resource) => {
          if (!RESOURCES.includes(resource)) throw new errors.InvalidTarget();
          return { scope: SCOPES.join(' '), accessTokenFormat: 'jwt' };
        },
      },
    },
  });
  return { '*': provider.callback() };
});
