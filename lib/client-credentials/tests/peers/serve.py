"""What the peers in Python share: who may ask for a token, and a server that keeps count."""

import json
import os
import sys
from collections import defaultdict
from pathlib import Path

from werkzeug.serving import WSGIRequestHandler, make_server

SECRET = "p@ss/+ :%&="
# Long enough for HMAC with SHA-256.
LONG_SECRET = "p@ss/+ :%&= and thirty-two bytes in all"
SCOPES = ["orders:read", "orders:write"]
# Seconds that a token lasts, by client.
CLIENTS = {
    "orders-post": 600,
    "orders-basic": 600,
    "orders-secret-jwt": 600,
    "orders-key": 600,
    "orders-tls": 600,
    "orders-self-signed": 600,
    "orders-short": 4,
}


def key(name):
    """A file of the folder with keys and certificates, which the environment names."""
    return (Path(os.environ["CLIENT_CREDENTIALS_TEST_KEYS"]) / name).read_text()


class Quiet(WSGIRequestHandler):
    def log_request(self, *_):
        pass


def serve(app, token_path):
    """
    Serves the WSGI application on loopback, on the port in the first argument (0: a free one). GET /requests answers the statuses
    that the token endpoint gave to requests with the same query, so that each test counts its own.
    """
    answered = defaultdict(list)

    def counted(environ, start_response):
        called, query = (environ["REQUEST_METHOD"], environ["PATH_INFO"]), environ["QUERY_STRING"]
        if called == ("GET", "/requests"):
            body = json.dumps(answered[query]).encode()
            start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
            return [body]

        def start(status, headers, *error):
            if called == ("POST", token_path):
                answered[query].append(int(status.split()[0]))
            return start_response(status, headers, *error)

        return app(environ, start)

    port = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    server = make_server("127.0.0.1", port, counted, threaded=True, request_handler=Quiet)
    print(f"ready http://127.0.0.1:{server.server_port}{token_path}", flush=True)
    server.serve_forever()
