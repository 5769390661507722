"""Sessions of the TypeScript package in Node: kept where the program says, taken up again, and told of."""

from __future__ import annotations

from sdk_typescript.node_program import NodePrograms

HEAD = """
import { createBrowserClient } from '@watchword/sdk'
const { NEXT_PUBLIC_SOFTWARE_CLIENT_KEY: clientKey } = process.env
const tell = (value) => console.log(JSON.stringify(value))
const states = []
const onAuthStateChange = ({ signedIn, user, error }) => states.push([signedIn, user?.email ?? error?.code ?? null])
const credentials = { email: 'user@example.com', password: 'password' }
"""


async def test_a_session_is_taken_up_from_its_storage(node: NodePrograms, environment: dict[str, str]) -> None:
    """A client over the same storage is signed in; one of another key is not."""
    source = """
    const kept = new Map()
    const storage = { getItem: (name) => kept.get(name) ?? null, setItem: (name, text) => kept.set(name, text), removeItem: (name) => kept.delete(name) }
    await createBrowserClient({ clientKey, storage }).collections.users.login(credentials)
    const { user } = await createBrowserClient({ clientKey, storage }).collections.users.me()
    const other = createBrowserClient({ clientKey: clientKey + 'x', storage })
    const refused = await other.collections.users.me().catch(({ status }) => status)
    await createBrowserClient({ clientKey, storage }).collections.users.logout()
    tell([user.email, refused, kept.size])
    """
    assert await node(HEAD + source, **environment) == ["user@example.com", 401, 0]


async def test_a_token_that_the_page_kept_is_taken_up(node: NodePrograms, environment: dict[str, str]) -> None:
    """What the document's onTokenRefresh has stored is enough for the next visit."""
    source = """
    const { token } = await createBrowserClient({ clientKey }).collections.users.login(credentials)
    const { user } = await createBrowserClient({ clientKey, token }).collections.users.me()
    tell(user.email)
    """
    assert await node(HEAD + source, **environment) == "user@example.com"


async def test_the_page_is_told_who_is_signed_in(node: NodePrograms, environment: dict[str, str]) -> None:
    """Once at the beginning and once at the end, whether the user or the server has ended the session."""
    source = """
    const client = createBrowserClient({ clientKey, onAuthStateChange })
    const { users } = client.collections
    await users.login(credentials)
    await users.logout()
    await users.logout()
    await users.login(credentials)
    const { token } = await users.login(credentials)
    await createBrowserClient({ clientKey, token }).collections.users.logout({ allSessions: true })
    await Promise.all(Array.from({ length: 5 }, () => users.me().catch(() => {})))
    tell(states)
    """
    signed_in, out = [True, "user@example.com"], [False, None]
    ended = [False, "UNAUTHORIZED"]
    assert await node(HEAD + source, **environment) == [signed_in, out, signed_in, signed_in, ended]


async def test_a_damaged_storage_is_no_session(node: NodePrograms, environment: dict[str, str]) -> None:
    """What cannot be read counts as nothing; the client works on."""
    source = """
    const storage = { getItem: () => '{', setItem() {}, removeItem() {} }
    const { data } = await createBrowserClient({ clientKey, storage }).from('products').count()
    tell(data.totalDocs)
    """
    assert await node(HEAD + source, **environment) == 12


async def test_who_signs_out_during_a_refresh_stays_signed_out(node: NodePrograms, environment: dict[str, str]) -> None:
    """The token that comes back too late is not taken up."""
    source = """
    const client = createBrowserClient({ clientKey, onAuthStateChange })
    const { users } = client.collections
    await users.login(credentials)
    const refreshing = users.refresh().catch(() => {})
    await users.logout()
    await refreshing
    const { status } = await users.me().catch((error) => error)
    tell([status, states.length])
    """
    assert await node(HEAD + source, **environment) == [403, 2]


async def test_a_program_ends_though_somebody_is_signed_in(node: NodePrograms, environment: dict[str, str]) -> None:
    """The timer of the next refresh keeps no program alive."""
    source = """
    await createBrowserClient({ clientKey }).collections.users.login(credentials)
    tell(true)
    """
    assert await node(HEAD + source, **environment) is True
