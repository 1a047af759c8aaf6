// What the peers in JavaScript share: who may ask for a token, and a server that keeps count.

import http from 'node:http';

export const SECRET = 'p@ss/+ :%&=';
export const SCOPES = ['orders:read', 'orders:write'];
export const LIFETIME = 600;
export const SHORT_LIFETIME = 4;
/** Seconds that a token lasts, by client. */
export const CLIENTS = { 'orders-post': LIFETIME, 'orders-basic': LIFETIME, 'orders-short': SHORT_LIFETIME };

/**
 * Serves on loopback, on the port in the first argument (0: a free one), what `make` returns for the server's origin: handlers of
 * requests by `METHOD path`, and one under `*`. GET /requests answers the statuses that the token endpoint gave to requests with the
 * same query, so that each test counts its own.
 */
export function serve(tokenPath, make) {
  const answered = new Map();
  const server = http.createServer();
  server.listen(Number(process.argv[2] ?? 0), '127.0.0.1', async () => {
    const origin = `http://127.0.0.1:${server.address().port}`;
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
