"""``watchword jwks``: what it lists and changes, and what it refuses."""

from __future__ import annotations

import pytest

from commands.conftest import Run
from commands.test_verbs import make_tenant
from watchword.app import Application
from watchword.commands.acting import act


def rotate(run: Run, *words: str) -> list[str]:
    said = run("jwks", "rotate", *words)
    assert said.code == 0, said.err
    return said.out.split()


def states(run: Run) -> dict[str, str]:
    return {key["id"]: key["state"] for key in run("jwks", "list", "--json").json}


@pytest.fixture
def first_key(run: Run) -> str:
    """The first key of the only tenant, made by the first token."""
    make_tenant(run)

    async def work(application: Application) -> str:
        [tenant] = await application.tenants.list_all()
        keys = application.oauth.signing_keys._keys
        return (await keys.signing_key(tenant.id, "EdDSA", application.clock.now_ms())).id

    return act(None, work)


def test_rotation_makes_the_next_key_once(run: Run, first_key: str) -> None:
    """The next key is published beside the current one; a second rotation in the hour prints the same."""
    said = run("jwks", "rotate")
    new = said.out.strip()
    assert "is published now and signs from" in said.err
    assert rotate(run) == [new]
    assert states(run) == {first_key: "current", new: "next"}
    listed = run("jwks", "list").out
    assert listed.splitlines()[0].split() == ["id", "algorithm", "state", "createdAt", "signsFrom", "endsAt"]


def test_compromised_keys_are_gone(run: Run, first_key: str) -> None:
    """With --compromised the new key is the only one, and signs."""
    rotate(run)
    [new] = rotate(run, "--compromised")
    assert states(run) == {new: "current"}


def test_all_tenants(run: Run, first_key: str) -> None:
    """--all rotates every tenant that has keys, and leaves those alone that have none."""
    make_tenant(run, "other")
    assert len(rotate(run, "--all")) == 1
    assert run("jwks", "list", "--tenant", "other", "--json").json == []


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--all", "--tenant", "shop"), "Give either --tenant or --all"),
        (("--tenant", "nobody"), "There is no tenant nobody"),
        (("--algorithm", "ES256", "--compromised"), "no such signing key"),
        ((), "no such signing key"),
    ],
)
def test_wrong_asks_change_nothing(run: Run, words: tuple[str, ...], sentence: str) -> None:
    """Two ways of naming tenants, an unknown one, and one without such keys are refused in a sentence."""
    make_tenant(run)
    said = run("jwks", "rotate", *words)
    assert said.code == 1
    assert sentence in said.err
    assert run("jwks", "list", "--json").json == []


def test_unknown_algorithm_is_wrong_usage(run: Run) -> None:
    """An algorithm that we do not sign with is refused by the command line itself."""
    assert run("jwks", "rotate", "--algorithm", "none").code == 2
