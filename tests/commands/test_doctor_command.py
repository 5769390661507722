"""``watchword doctor --oauth``: how the walk is printed, and how it ends."""

from __future__ import annotations

from commands.conftest import Run


def test_notes_alone_are_no_failure(run: Run) -> None:
    """Each question is a line with its section; notes say what to do, and end the verb with 0."""
    assert run("tenants", "create", "shop", "--name", "Shop").code == 0
    said = run("doctor", "--oauth")
    assert said.code == 0, said.out
    assert "ok    §2.1.1, §4.5 PKCE: every client has to use it" in said.out
    assert "note  §2.6 address and TLS" in said.out
    assert {finding["verdict"] for finding in run("doctor", "--oauth", "--json").json} == {"good", "note"}
