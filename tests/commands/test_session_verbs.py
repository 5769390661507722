"""``watchword sessions keys`` and ``rotate-key``: what they list and change."""

from __future__ import annotations

from commands.conftest import Run


def states(run: Run) -> dict[str, str]:
    return {key["id"]: key["state"] for key in run("sessions", "keys", "--json").json}


def rotate(run: Run, *words: str) -> tuple[str, str]:
    said = run("sessions", "rotate-key", *words)
    assert said.code == 0, said.err
    return said.out.strip(), said.err


def test_rotation_makes_the_next_key_once(run: Run) -> None:
    """The next key waits beside the current one; a second rotation meanwhile prints the same."""
    [(first, state)] = states(run).items()
    assert state == "current"
    new, note = rotate(run)
    assert "It signs from" in note
    assert rotate(run)[0] == new
    assert states(run) == {first: "current", new: "next"}
    listed = run("sessions", "keys").out
    assert listed.splitlines()[0].split() == ["id", "state", "signsFrom", "endsAt"]


def test_compromised_keys_end(run: Run) -> None:
    """With --compromised the new key alone is good, and signs; the operator hears what that means."""
    [first] = states(run)
    waiting, _ = rotate(run)
    new, note = rotate(run, "--compromised")
    assert "everyone has to log in again" in note
    assert states(run) == {first: "ended", waiting: "ended", new: "current"}
