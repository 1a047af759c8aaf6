"""Authlib's authorization server in Flask."""

import os

# It refuses to serve without TLS otherwise.
os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import ClientMixin, grants, list_to_scope, scope_to_list
from authlib.oauth2.rfc6750 import BearerTokenGenerator
from flask import Flask

from serve import CLIENTS, SCOPES, SECRET, serve

METHODS = ["client_secret_basic", "client_secret_post"]


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


app = Flask(__name__)
app.config["OAUTH2_SCOPES_SUPPORTED"] = SCOPES
server = AuthorizationServer(
    app, query_client=lambda client_id: Client(client_id) if client_id in CLIENTS else None, save_token=lambda token, request: None
)
server.register_grant(Grant)
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
