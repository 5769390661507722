"""An orders API on Django, in one file: ``gunicorn 'protect_django:main()'``."""

from __future__ import annotations

import secrets
from types import ModuleType
from typing import Any

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from protect_settings import make_protection

from watchword_client.django import Protect
from watchword_client.protect import Protection


def make_app(protection: Protection) -> Any:  # noqa: ANN401 - a WSGI application
    """Make the application."""
    protect = Protect(protection)

    @protect("orders:read")
    def read_orders(request: HttpRequest) -> HttpResponse:
        caller = request.caller  # type: ignore[attr-defined] # the decorator puts it there
        return JsonResponse({"kind": caller.kind, "subject": caller.subject, "role": caller.role})

    urls = ModuleType("urls")
    urls.urlpatterns = [path("orders", read_orders)]  # type: ignore[attr-defined] # a project has a file for this
    if not settings.configured:
        settings.configure(SECRET_KEY=secrets.token_hex(), ALLOWED_HOSTS=["*"])
        django.setup()
    settings.ROOT_URLCONF = urls
    return get_wsgi_application()


def main() -> Any:  # noqa: ANN401 - a WSGI application
    """Make the application from the environment."""
    return make_app(make_protection())
