// What the peers in JavaScript share: who may ask for a token, and a server that keeps count.

import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import path from 'node:path';

export const SECRET = 'p@ss/+ :%&=';
/** Long enough for HMAC with SHA-256. */
export const LONG_SECRET = 'p@ss/+ :%&= and thirty-two bytes in all';
export const SCOPES = ['orders:read', 'orders:write'];
export const LIFETIME = 600;
export const SHORT_LIFETIME = 4;
/** Seconds that a token lasts, by client. */
export const CLIENTS = {
  'orders-post': LIFETIME,
  'orders-basic': LIFETIME,
  'orders-secret-jwt': LIFETIME,
  'orders-key': LIFETIME,
  'orders-tls': LIFETIME,
  'orders-self-signed': LIFETIME,
  'orders-short': SHORT_LIFETIME,
};

/** A file of the folder with keys and certificates, which the environment names. */
export const key = (name) => fs.readFileSync(path.join(process.env.CLIENT_CREDENTIALS_TEST_KEYS, name), 'utf8');

/**
 * Serves on loopback, on the port in the first argument (0: a free one), what `make` returns for the server's origin: handlers of
 * requests by `METHOD path`, and one under `*`. GET /requests answers the statuses that the token endpoint gave to requests with the
 * same query, so that each test counts its own. With `tls` it asks for a client certificate, and takes any.
 */
export function serve(tokenPath, make, tls = false) {
  const answered = new Map();
  const server = tls
    ? https.createServer({ key: key('es384.pem'), cert: key('server.crt'), requestCert: true, rejectUnauthorized: false })
    : http.createServer();
  server.listen(Number(process.argv[2] ?? 0), '127.0.0.1', async () => {
    const origin = `${tls ? 'https' : 'http'}://127.0.0.1:${server.address().port}`;
    const handlers = await make(origin);
    server.on('request', (request, response) => {
      const { pathname, search } = new URL(request.url, origin);
      const called = `${request.method} ${pathname}`;
      if (called === 'GET /requests') {
        response.setHeader('Content-Type', 'application/json');
        response.end(JSON.stringify(answered.get(search) ?? []));
        return;
      }
      if (called === `POST ${tokenPath}`) {
        response.on('close', () => answered.set(search, [...(answered.get(search) ?? []), response.statusCode]));
      }
      (handlers[called] ?? handlers['*'])(request, response);
    });
    console.log(`ready ${origin}${tokenPath}`);
  });
}
