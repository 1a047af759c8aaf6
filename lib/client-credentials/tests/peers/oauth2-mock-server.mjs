// oauth2-mock-server: takes any client and any body, and fails as it is told to.
//
// POST /faults with a JSON list of { status, headers, body } gives these answers to the next token requests with the same query;
// a body that is a text is sent as it is. The tokens are JWTs that repeat the audience and the resources they were asked for.

import { once } from 'node:events';
import { OAuth2Issuer, OAuth2Service } from 'oauth2-mock-server';

import { CLIENTS, LIFETIME, serve } from './serve.mjs';

serve('/token', async (origin) => {
  const issuer = new OAuth2Issuer();
  issuer.url = origin;
  await issuer.keys.generate('RS256');
  const service = new OAuth2Service(issuer);
  const faults = new Map();
  const query = (request) => new URL(request.url, origin).search;

  service.on('beforeTokenSigning', ({ payload }, { body }) => {
    payload.audience = body.audience;
    payload.resource = body.resource;
  });
  service.on('beforeResponse', (answer, request) => {
    answer.body.expires_in = CLIENTS[request.body.client_id] ?? LIFETIME;
    const fault = faults.get(query(request))?.shift();
    if (fault === undefined) return;
    answer.statusCode = fault.status;
    answer.body = fault.body;
    request.res.set(fault.headers ?? {});
    if (typeof fault.body === 'string') request.res.json = (text) => request.res.send(text);
  });

  return {
    'POST /faults': async (request, response) => {
      let text = '';
      request.setEncoding('utf8').on('data', (part) => (text += part));
      await once(request, 'end');
      faults.set(query(request), JSON.parse(text));
      response.end();
    },
    '*': service.requestHandler,
  };
});
