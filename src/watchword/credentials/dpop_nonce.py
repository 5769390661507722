"""Nonces for DPoP proofs (RFC 9449 §8, §9): a proof that has to carry one was not made long before its request.

They follow from the time and a key that every process of the installation has, so nothing is stored, and one that another
node or the process before a restart gave is as good.
"""

from __future__ import annotations

import hmac
from typing import Final

from watchword.credentials.compact_jws import encode_segment, mac
from watchword.credentials.sealing import derive

STEP_MS: Final = 300_000
"""How long a nonce is given out. It is good in the step after that too, so that none is refused that came just now."""


class DpopNonces:
    """Makes and checks nonces, the same for all callers: they say when a proof was made and not by whom."""

    def __init__(self, master_secret: bytes) -> None:
        self._key = derive(master_secret, b"watchword nonces of dpop proofs", 32)

    def make(self, now_ms: int) -> str:
        """Return the nonce of this moment."""
        return self._of_step(now_ms // STEP_MS)

    def is_good(self, nonce: str | None, now_ms: int) -> bool:
        """Say whether a nonce is of this step or the one before; or of the next, by a node whose clock is ahead."""
        if nonce is None:
            return False
        step, text = now_ms // STEP_MS, nonce.encode("utf-8", "surrogatepass")
        return any(hmac.compare_digest(text, self._of_step(step + n).encode()) for n in (0, -1, 1))

    def _of_step(self, step: int) -> str:
        return encode_segment(mac(b"%d" % step, self._key)).decode("ascii")
