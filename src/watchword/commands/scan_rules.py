"""``watchword keys scan-rules``: rules that let secret scanners find our keys."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import typer

from watchword.commands.output import say
from watchword.credentials.api_key import KEY_CHARACTERS, KEY_PREFIXES

_NAMES: Final = {"sk": "secret", "pk": "publishable"}

_GITLEAKS_HEAD: Final = """\
title = "Watchword API keys"

[extend]
useDefault = true
"""

_GITLEAKS_RULE: Final = """
[[rules]]
id = "watchword-{name}-key"
description = "Watchword {name} API key"
regex = '''{pattern}'''
secretGroup = 1
keywords = ["{letters}_live_", "{letters}_test_"]
"""

_TRUFFLEHOG_RULE: Final = """\
  - name: Watchword {name} key
    keywords:
      - {letters}_live_
      - {letters}_test_
    regex:
      key: '{pattern}'
"""


def scan_rules(
    scanner: Annotated[
        Literal["gitleaks", "trufflehog"], typer.Option("--for", help="Whose rules: TOML or YAML.")
    ] = "gitleaks",
) -> None:
    """Print rules for a secret scanner: it finds keys of this form in code, logs and tickets."""
    say(make_rules(scanner).rstrip("\n"))


def make_rules(scanner: Literal["gitleaks", "trufflehog"]) -> str:
    """Return a configuration with a rule for each kind of key."""
    template = _GITLEAKS_RULE if scanner == "gitleaks" else _TRUFFLEHOG_RULE
    head = _GITLEAKS_HEAD if scanner == "gitleaks" else "detectors:\n"
    rules = (
        template.format(name=name, letters=letters, pattern=key_pattern(letters)) for letters, name in _NAMES.items()
    )
    return head + "".join(rules)


def key_pattern(letters: str) -> str:
    """Return a pattern, in RE2's words, for keys that begin with these letters; its first group is the key."""
    characters = KEY_CHARACTERS - len(KEY_PREFIXES[0])
    return rf"\b({letters}_(?:live|test)_[0-9A-Za-z]{{{characters}}})\b"
