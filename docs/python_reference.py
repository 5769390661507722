"""The reference of the Python client, from its signatures and docstrings."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Callable, Iterator
from typing import Final

import watchword_client as package
from watchword_client import (
    asgi,
    client,
    collection,
    django,
    dpop,
    fastapi,
    flask,
    oauth,
    orders,
    protect,
    starlette,
    testing,
    users,
    wsgi,
)

_MAKERS: Final = (
    package.create_client,
    package.create_server_client,
    package.create_async_client,
    package.create_async_server_client,
)
_CALLS: Final = (
    ("The client itself", (client.RequestCalls,), (package.Client.from_, package.Client.close)),
    ("`client.collections.users`", (users.UserCalls,), ()),
    (
        '`client.from_("products")`, or `client.collections.products`',
        (collection.CollectionCalls,),
        (collection.Collection.pages, collection.Collection.all),
    ),
    ("`client.api`, of server clients", (orders.OrderCalls,), ()),
    ("`client.oauth`", (oauth.OAuthCalls,), ()),
)
_FUNCTIONS: Final = (package.begin_authorization, package.is_answer_to, package.generate_order_number)
_CLASSES: Final = (
    package.WatchwordError,
    package.WatchwordAuth,
    package.Options,
    package.FindOptions,
    package.Retry,
    package.Result,
    package.Page,
    package.Pagination,
    package.Count,
    package.RateLimit,
    package.SignedIn,
    package.Refreshed,
    package.Account,
    package.User,
    package.Done,
    package.Tokens,
    package.Authorization,
    package.FieldFault,
)
_MODULES: Final = (
    ("`watchword_client.protect`", (protect.Protection, protect.Policy, protect.Way, protect.Caller, protect.Refusal)),
    ("`watchword_client.fastapi`", (fastapi.Protect,)),
    ("`watchword_client.starlette`", (starlette.Protect,)),
    ("`watchword_client.django`", (django.Protect,)),
    ("`watchword_client.flask`", (flask.Protect, flask.current_caller)),
    ("`watchword_client.asgi`", (asgi.ProtectMiddleware,)),
    ("`watchword_client.wsgi`", (wsgi.ProtectMiddleware,)),
    ("`watchword_client.dpop`", (dpop.DpopKey,)),
    ("`watchword_client.testing`, and the pytest fixture `watchword_server`", (testing.WatchwordServer,)),
)
"""What stands beside the clients, by module."""


def python_reference() -> str:
    """Write the reference as Markdown."""
    lines = ["", "## Making clients", "", *(_entry(maker) for maker in _MAKERS)]
    for title, classes, more in _CALLS:
        lines += ["", f"## {title}", ""]
        for calls in classes:
            lines += [_words(calls), ""] if calls is not client.RequestCalls else []
            lines += [_entry(method) for method in _methods(calls)]
        lines += [_entry(method) for method in more]
    lines += ["", "## Functions", "", *(_entry(function) for function in _FUNCTIONS)]
    lines += ["", "## Values", "", *(_class(kind) for kind in _CLASSES), ""]
    for title, kinds in _MODULES:
        lines += [f"## {title}", "", _words(inspect.getmodule(kinds[0])), ""]
        for kind in kinds:
            lines += (
                [_class(kind), *(f"  {_entry(method)}" for method in _methods(kind))]
                if isinstance(kind, type)
                else [_entry(kind)]
            )
        lines += [""]
    return "\n".join(lines)


def _methods(calls: type) -> Iterator[Callable[..., object]]:
    yield from (value for name, value in vars(calls).items() if inspect.isfunction(value) and not name.startswith("_"))


def _entry(function: Callable[..., object]) -> str:
    return f"- **`{function.__name__}{_signature(function)}`**: {_words(function)}"


class _Shown(str):
    """An annotation that is printed as it is written."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _signature(function: Callable[..., object]) -> str:
    """Write a signature without ``self``, and with what comes of a call in place of the steps to it."""
    whole = inspect.signature(function)
    parameters = [
        parameter.replace(annotation=_Shown(re.sub(r"^Unpack\[(.*)\]$", r"\1", parameter.annotation)))
        for name, parameter in whole.parameters.items()
        if name != "self"
    ]
    returned = _Shown(re.sub(r"^Flow\[(.*)\]$", r"\1", whole.return_annotation))
    return str(whole.replace(parameters=parameters, return_annotation=returned))


def _class(kind: type) -> str:
    named = ""
    if dataclasses.is_dataclass(kind):
        named = ", ".join(f"`{field.name}`" for field in dataclasses.fields(kind))
    elif hasattr(kind, "__total__"):
        named = ", ".join(f"`{name}`" for name in kind.__annotations__)
    return f"- **`{kind.__name__}`**{f' ({named})' if named else ''}: {_words(kind)}"


def _words(thing: object) -> str:
    """Write a docstring as one paragraph; what it raises and holds becomes sentences."""
    text = inspect.getdoc(thing) or ""
    text = re.sub(r"\n\nRaises:\n\s+WatchwordError: ", " Raises `WatchwordError` when ", text)
    text = re.sub(r"\n\nRaises:\n\s+(\w+): ", r" Raises `\1`: ", text)
    text = re.sub(r"\n\nAttributes:\n", "\n\n", text)
    text = re.sub(r"\n {4}(\w+): ", r" `\1`: ", text)
    return re.sub(r"\s+", " ", text).replace("``", "`")
