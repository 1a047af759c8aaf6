"""Authlib's authorization server in Flask."""

import os

# It refuses to serve without TLS otherwise.
os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import ClientMixin, grants, list_to_scope, scope_to_list
from authlib.oauth2.rfc6750 import BearerTokenGenerator
from authlib.oauth2.rfc7523 import JWTBearerClientAssertion
from flask import Flask, request
from joserfc.jwk import ECKey, KeySet, OctKey, OKPKey, RSAKey

from serve import CLIENTS, LONG_SECRET, SCOPES, SECRET, key, serve

METHODS = ["client_secret_basic", "client_secret_post", JWTBearerClientAssertion.CLIENT_AUTH_METHOD]
KINDS = {"es256": ECKey, "es384": ECKey, "rsa": RSAKey, "ed25519": OKPKey}
KEYS = KeySet([kind.import_key(key(f"{name}.pem"), {"kid": name}) for name, kind in KINDS.items()])


class Client(ClientMixin):
    def __init__(self, client_id):
        self.client_id = client_id

    def get_client_id(self):
        return self.client_id

    def get_allowed_scope(self, scope):
        return list_to_scope([one for one in scope_to_list(scope) or [] if one in SCOPES])

    def check_client_secret(self, client_secret):
        return client_secret == SECRET

    def check_endpoint_auth_method(self, method, endpoint):
        return method in METHODS

    def check_grant_type(self, grant_type):
        return grant_type == "client_credentials"


class Grant(grants.ClientCredentialsGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = METHODS


class Assertion(JWTBearerClientAssertion):
    def __init__(self):
        super().__init__()
        self.used = set()

    def get_audiences(self):
        return [request.base_url, request.host_url.rstrip("/")]

    def validate_jti(self, claims, jti):
        is_new = jti not in self.used
        self.used.add(jti)
        return is_new

    def resolve_client_public_key(self, client):
        return KEYS if client.client_id == "orders-key" else OctKey.import_key(LONG_SECRET)


app = Flask(__name__)
app.config["OAUTH2_SCOPES_SUPPORTED"] = SCOPES
server = AuthorizationServer(
    app, query_client=lambda client_id: Client(client_id) if client_id in CLIENTS else None, save_token=lambda token, request: None
)
server.register_grant(Grant)
server.register_client_auth_method(Assertion.CLIENT_AUTH_METHOD, Assertion())
server.register_token_generator(
    "default",
    BearerTokenGenerator(
        server.create_bearer_token_generator(app.config).access_token_generator,
        expires_generator=lambda client, grant_type: CLIENTS[client.get_client_id()],
    ),
)


@app.post("/token")
def token():
    return server.create_token_response()


serve(app, "/token")
