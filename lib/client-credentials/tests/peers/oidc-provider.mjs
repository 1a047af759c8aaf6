// oidc-provider: every way to authenticate, resource indicators (RFC 8707), DPoP (RFC 9449), mutual TLS (RFC 8705), revocation and
// introspection. With `tls` as the second argument it is served by https.
//
// A query with `nonce` makes it ask for a nonce in proofs. GET /orders is a resource server for tokens that are bound to a key, which
// oauth4webapi checks.

import crypto from 'node:crypto';
import * as oauth from 'oauth4webapi';
import Provider, { errors } from 'oidc-provider';

import { CLIENTS, LONG_SECRET, SCOPES, SECRET, key, serve } from './serve.mjs';

const METHODS = {
  'orders-basic': 'client_secret_basic',
  'orders-secret-jwt': 'client_secret_jwt',
  'orders-key': 'private_key_jwt',
  'orders-tls': 'tls_client_auth',
  'orders-self-signed': 'self_signed_tls_client_auth',
};
const RESOURCES = ['https://orders.example', 'https://stock.example'];
const TLS = process.argv[3] === 'tls';

const jwk = (name) => ({ ...crypto.createPublicKey(key(`${name}.pem`)).export({ format: 'jwk' }), kid: name, use: 'sig' });
const certificate = new crypto.X509Certificate(key('client.crt'));
const asks = (context) => new URL(context.href).searchParams.has('nonce');

/** What is known of a client, by how it authenticates. */
function credentials(method) {
  switch (method) {
    case 'client_secret_jwt':
      return { client_secret: LONG_SECRET };
    case 'private_key_jwt':
      return { jwks: { keys: ['es256', 'es384', 'rsa', 'ed25519'].map(jwk) } };
    case 'tls_client_auth':
      return { tls_client_auth_subject_dn: certificate.subject, tls_client_certificate_bound_access_tokens: true };
    case 'self_signed_tls_client_auth':
      return { jwks: { keys: [{ ...jwk('es256'), x5c: [certificate.raw.toString('base64')] }] } };
    default:
      return { client_secret: SECRET };
  }
}

function client(id) {
  const method = METHODS[id] ?? 'client_secret_post';
  return {
    client_id: id,
    token_endpoint_auth_method: method,
    grant_types: ['client_credentials'],
    redirect_uris: [],
    response_types: [],
    scope: SCOPES.join(' '),
    ...credentials(method),
  };
}

serve(
  '/token',
  (origin) => {
    const provider = new Provider(origin, {
      clients: Object.keys(CLIENTS).map(client),
      clientAuthMethods: ['client_secret_post', ...Object.values(METHODS)],
      enabledJWA: {
        clientAuthSigningAlgValues: ['HS256', 'ES256', 'ES384', 'PS256', 'RS256', 'EdDSA', 'Ed25519'],
        dPoPSigningAlgValues: ['ES256', 'ES384', 'PS256', 'RS256', 'EdDSA', 'Ed25519'],
      },
      scopes: SCOPES,
      ttl: { ClientCredentials: (context, token, client) => CLIENTS[client.clientId] },
      features: {
        clientCredentials: { enabled: true },
        dPoP: { enabled: true, nonceSecret: Buffer.alloc(32, 7), requireNonce: asks },
        introspection: { enabled: true },
        mTLS: {
          enabled: true,
          certificateBoundAccessTokens: true,
          selfSignedTlsClientAuth: true,
          tlsClientAuth: true,
          getCertificate: (context) => context.socket.getPeerX509Certificate?.(),
          certificateAuthorized: () => true,
          certificateSubjectMatches: (context, property, expected) => context.socket.getPeerX509Certificate().subject === expected,
        },
        resourceIndicators: {
          enabled: true,
          getResourceServerInfo: (context, resource) => {
            if (!RESOURCES.includes(resource)) throw new errors.InvalidTarget();
            return { scope: SCOPES.join(' '), accessTokenFormat: 'jwt' };
          },
        },
        revocation: { enabled: true },
      },
    });
    const server = { issuer: origin, jwks_uri: `${origin}/jwks` };
    let nonces = 0;
    return {
      'GET /orders': async (request, response) => {
        const target = new URL(request.url, origin);
        const refuse = (error) => {
          response.setHeader('WWW-Authenticate', `DPoP error="${error}", algs="ES256"`);
          response.writeHead(401).end();
        };
        if (target.searchParams.has('nonce')) {
          const [, claims] = (request.headers.dpop ?? '').split('.');
          const { nonce } = claims ? JSON.parse(Buffer.from(claims, 'base64url')) : {};
          response.setHeader('DPoP-Nonce', `orders-${nonces}`);
          if (nonce !== `orders-${nonces}`) return refuse('use_dpop_nonce');
          // The next one counts from now on.
          nonces += 1;
          response.setHeader('DPoP-Nonce', `orders-${nonces}`);
        }
        try {
          const asked = new Request(target, { headers: request.headers });
          const options = { requireDPoP: true, [oauth.allowInsecureRequests]: true };
          const claims = await oauth.validateJwtAccessToken(server, asked, 'https://orders.example', options);
          response.setHeader('Content-Type', 'application/json');
          response.end(JSON.stringify(claims));
        } catch (error) {
          console.error(error);
          refuse('invalid_token');
        }
      },
      '*': provider.callback(),
    };
  },
  TLS,
);
