"""Shared registrations: several callees behind one procedure, with every rule of invocation."""

from collections import Counter

import pytest

from support import fails, register, within

CALLEES = 3


async def shared(clients, invoke, count=CALLEES):
    """`count` callees of one procedure; each answers with its place in the order of joining."""
    peers, registrations = [], []
    for place in range(count):
        peer = await clients.join()
        registrations.append(await register(peer, "com.example.shared", lambda place=place: place, invoke=invoke))
        peers.append(peer)
    return peers, registrations


async def called(caller, count):
    """Who served the next `count` calls."""
    return [await within(caller.call("com.example.shared")) for _ in range(count)]


@pytest.mark.parametrize("invoke", ["roundrobin", "random", "first", "last"])
async def test_all_callees_share_one_id(clients, invoke):
    """SHR-2, RMA-18."""
    _, registrations = await shared(clients, invoke)
    assert len({registration.id for registration in registrations}) == 1


async def test_first_and_last(clients):
    """SHR-5: the oldest, or the newest, that is still there."""
    caller = await clients.join()
    peers, _ = await shared(clients, "first")
    assert await called(caller, 4) == [0] * 4
    await peers[0].goodbye()
    assert await called(caller, 4) == [1] * 4
    for peer in peers[1:]:
        await peer.goodbye()

    peers, _ = await shared(clients, "last")
    assert await called(caller, 4) == [2] * 4
    await peers[2].goodbye()
    assert await called(caller, 4) == [1] * 4


async def test_roundrobin_takes_turns(clients):
    """SHR-5: in the order of joining, from the first."""
    caller = await clients.join()
    await shared(clients, "roundrobin")
    assert await called(caller, 7) == [0, 1, 2, 0, 1, 2, 0]


@pytest.mark.parametrize("leaver", range(CALLEES))
@pytest.mark.parametrize("calls_before", range(CALLEES))
async def test_roundrobin_stays_fair_when_a_callee_leaves(clients, leaver, calls_before):
    """SHR-6: nobody is skipped and nobody called twice."""
    caller = await clients.join()
    _, registrations = await shared(clients, "roundrobin")
    order = [0, 1, 2]
    assert await called(caller, calls_before) == order[:calls_before]
    await within(registrations[leaver].unregister())
    coming = [place for place in order[calls_before:] + order[:calls_before] if place != leaver]
    assert await called(caller, 4) == coming * 2


async def test_random_reaches_everybody(clients):
    """SHR-5: uniform; 300 calls to three callees give each about 100 (a share under 50 has odds of 1 to 10^10)."""
    caller = await clients.join()
    await shared(clients, "random")
    shares = Counter(await called(caller, 300))
    assert set(shares) == {0, 1, 2}
    assert min(shares.values()) >= 50


async def test_the_first_callee_sets_the_rule(clients):
    """SHR-4, D-13: another rule is refused, also `single`; after the last callee the rule is forgotten (SHR-6)."""
    peers, registrations = await shared(clients, "roundrobin", 1)
    other = await clients.join()
    for invoke in ["single", "random", "first", "last"]:
        await fails(
            register(other, "com.example.shared", invoke=invoke),
            "wamp.error.procedure_exists_with_different_invocation_policy",
        )
    await within(registrations[0].unregister())
    await register(other, "com.example.shared", lambda: "alone", invoke="single")
    assert await within(peers[0].call("com.example.shared")) == "alone"


async def test_a_callee_joins_once(clients):
    """SHR-7, D-13: the same session again is refused and keeps its one share."""
    peers, _ = await shared(clients, "roundrobin", 2)
    await fails(
        register(peers[0], "com.example.shared", lambda: "again", invoke="roundrobin"),
        "wamp.error.procedure_already_exists",
    )
    assert await called(peers[1], 4) == [0, 1, 0, 1]
