"""Protect an API of your own: from the credential of a request to one frozen Caller, or a refusal that says why."""

from __future__ import annotations

from watchword_client.protect.caller import Caller
from watchword_client.protect.protection import Policy, Protection, Way
from watchword_client.protect.refusal import Refusal

__all__ = ["Caller", "Policy", "Protection", "Refusal", "Way"]
