"""django-oauth-toolkit, its tables in memory; the second argument names the back end that reads requests."""

import sys
import threading

import django
from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.db import connection
from django.urls import include, path

from serve import CLIENTS, SCOPES, SECRET, serve

settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "file:peer?mode=memory&cache=shared"}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "oauth2_provider"],
    # Tables made from the models at once, instead of through the years of their migrations.
    MIGRATION_MODULES={"auth": None, "contenttypes": None, "oauth2_provider": None},
    OAUTH2_PROVIDER={
        "OAUTH2_BACKEND_CLASS": f"oauth2_provider.oauth2_backends.{sys.argv[2]}",
        "SCOPES": {scope: scope for scope in SCOPES},
        "EXTRA_SERVER_KWARGS": {"token_expires_in": lambda request: CLIENTS[request.client.client_id]},
    },
    ROOT_URLCONF=__name__,
    SECRET_KEY="for tests alone",
    USE_TZ=True,
)
django.setup()
urlpatterns = [path("o/", include("oauth2_provider.urls", namespace="oauth2_provider"))]

# The tables live as long as a connection to them is open: this thread's.
call_command("migrate", run_syncdb=True, verbosity=0)
connection.ensure_connection()

from oauth2_provider.models import Application

for client_id in CLIENTS:
    Application.objects.create(
        client_id=client_id,
        client_secret=SECRET,
        # A hash takes a third of a second to check.
        hash_client_secret=False,
        client_type=Application.CLIENT_CONFIDENTIAL,
        authorization_grant_type=Application.GRANT_CLIENT_CREDENTIALS,
    )

app, one_at_a_time = get_wsgi_application(), threading.Lock()


def in_turn(environ, start_response):
    """Threads that share tables in memory would find them locked; and oauthlib refuses any query, which is there to count by."""
    with one_at_a_time:
        return list(app(environ | {"QUERY_STRING": ""}, start_response))


serve(in_turn, "/o/token/")
