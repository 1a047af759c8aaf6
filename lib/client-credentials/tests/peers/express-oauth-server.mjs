// @node-oauth/express-oauth-server, its model in memory.

import express from 'express';
import OAuthServer from '@node-oauth/express-oauth-server';

import { CLIENTS, SCOPES, SECRET, serve } from './serve.mjs';

serve('/token', () => {
  const app = express();
  const server = new OAuthServer({
    model: {
      getClient: (id, secret) =>
        id in CLIENTS && secret === SECRET && { id, grants: ['client_credentials'], accessTokenLifetime: CLIENTS[id] },
      getUserFromClient: ({ id }) => ({ id }),
      validateScope: (user, client, scope = []) => scope.every((one) => SCOPES.includes(one)) && scope,
      saveToken: (token, client, user) => ({ ...token, client, user }),
    },
  });
  app.use(express.json(), express.urlencoded({ extended: false }));
  app.post('/token', server.token());
  return { '*': app };
});
