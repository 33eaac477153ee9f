"""Which of several registrations gets a call: exact, prefix and wildcard, as the specification orders them."""

import pytest

from support import fails, register, within

REGISTERED = [
    ("a1.b2.c3.d4.e55", "exact"),
    ("a1.b2.c3.", "prefix"),
    ("a1.b2.c3.d4.", "prefix"),
    ("a1.b2..d4.e5", "wildcard"),
    ("a1.b2.c33..e5", "wildcard"),
    ("a1.b2..d4.e5..g7", "wildcard"),
    ("a1.b2..d4..f6.g7", "wildcard"),
]
"""The specification's own example. Its two prefixes end with a dot here: a prefix is one of the string (D-43), so
`a1.b2.c3` would also be one of `a1.b2.c33.d4.e5`, and a prefix beats every wildcard."""

CALLED = {
    "a1.b2.c3.d4.e55": 0,
    "a1.b2.c3.d98.e74": 1,
    "a1.b2.c3.d4.e325": 2,
    "a1.b2.c55.d4.e5": 3,
    "a1.b2.c33.d4.e5": 4,
    "a1.b2.c88.d4.e5.f6.g7": 5,
    "a2.b2.c2.d2.e2": None,
}
"""RPP-2 to RPP-5: each called URI and which registration serves it."""


async def everything_registered(peer):
    """Registers all; each answers with its place in the list and the URI that was called."""
    ids = []
    for place, (uri, match) in enumerate(REGISTERED):

        def endpoint(details, place=place):
            return [place, details.procedure]

        ids.append((await register(peer, uri, endpoint, match=match, details_arg="details")).id)
    return ids


@pytest.mark.parametrize("uri,place", CALLED.items())
async def test_precedence_of_the_specification(clients, uri, place):
    """RPP-2 to RPP-6: the best match is called, and a pattern's callee is told the called URI."""
    callee, caller = await clients.join(), await clients.join()
    await everything_registered(callee)
    if place is None:
        await fails(caller.call(uri), "wamp.error.no_such_procedure")
    else:
        assert await within(caller.call(uri)) == [place, uri]


async def test_a_prefix_is_a_prefix_of_the_string(clients):
    """PAT-2, D-43."""
    peer = await clients.join()
    await register(peer, "com.example.emergency", lambda: True, match="prefix")
    for uri in ["com.example.emergency", "com.example.emergency.11", "com.example.emergency-low"]:
        assert await within(peer.call(uri)) is True
    await fails(peer.call("com.example.emerge"), "wamp.error.no_such_procedure")


async def test_same_uri_other_policy_is_another_registration(clients):
    """RPP-1: (procedure, match) is the identity."""
    peer = await clients.join()
    ids = {(await register(peer, "com.example.x", match=match)).id for match in ["exact", "prefix", "wildcard"]}
    assert len(ids) == 3


async def test_match_answers_what_a_call_takes(clients):
    """RMA-11: all that match, best first; with `best` only the one a CALL takes."""
    peer = await clients.join()
    ids = await everything_registered(peer)
    for uri, place in CALLED.items():
        answer = await within(peer.call("wamp.registration.match", uri))
        best = await within(peer.call("wamp.registration.match", uri, {"best": True}))
        assert best == (None if place is None else ids[place])
        assert answer[:1] == ([] if place is None else [best])
    assert await within(peer.call("wamp.registration.match", "a1.b2.c3.d4.e55")) == [ids[0], ids[2], ids[1]]
    assert await within(peer.call("wamp.registration.match", "a1.b2.c33.d4.e5")) == [ids[4], ids[3]]
    assert await within(peer.call("wamp.registration.match", "x")) == []
