"""Sessions of autobahn-python: HELLO to GOODBYE, kill, and the session meta API."""

import asyncio
import signal

import pytest
from autobahn.wamp.exception import ApplicationError

from support import UNKNOWN, MetaLog, fails, within


@pytest.mark.parametrize("transport", ["ws-default", "ws-json", "rs-msgpack"])
async def test_welcome_says_who_joined(clients, transport):
    """SES-6, SES-7, AUM-1: the details of WELCOME."""
    peer = await clients.join(transport)
    welcome = peer.welcome
    assert 1 <= welcome.session <= 2**53
    assert welcome.realm == "realm1"
    assert welcome.authrole == "anonymous"
    assert welcome.authmethod == "anonymous"
    assert isinstance(welcome.authid, str) and welcome.authid


async def test_welcome_announces_what_the_router_can(clients):
    """FEA-1 to FEA-25: the features that the rest of this suite uses."""
    roles = (await clients.join()).welcome.roles
    assert set(roles) == {"broker", "dealer"}
    dealer, broker = roles["dealer"], roles["broker"]
    for feature in [
        "caller_identification",
        "pattern_based_registration",
        "shared_registration",
        "registration_meta_api",
        "registration_revocation",
        "session_meta_api",
    ]:
        assert getattr(dealer, feature) is True, feature
    for feature in [
        "publisher_identification",
        "publisher_exclusion",
        "subscriber_blackwhite_listing",
        "pattern_based_subscription",
        "subscription_meta_api",
        "session_meta_api",
    ]:
        assert getattr(broker, feature) is True, feature


async def test_session_ids_differ(clients):
    """IDS-2: ids come from the whole range and are not handed out in sequence."""
    ids = [(await clients.join("rs-cbor")).id for _ in range(20)]
    assert len(set(ids)) == 20
    assert max(ids) - min(ids) > 2**32


async def test_unknown_realm(clients):
    """SES-4: ABORT `wamp.error.no_such_realm`."""
    with pytest.raises(ApplicationError) as caught:
        await clients.join(realm="no.such.realm")
    assert caught.value.error == "wamp.error.no_such_realm"


@pytest.mark.parametrize("transport", ["ws-default", "ws-json", "rs-json"])
async def test_goodbye_is_answered(clients, transport):
    """SES-12: the router answers GOODBYE, and the session is over."""
    peer = await clients.join(transport)
    peer.leave("wamp.close.normal", "that was all")
    assert (await within(peer.left)).reason == "wamp.close.goodbye_and_out"
    await within(peer.gone)


async def test_router_shutdown_says_goodbye(clients, router):
    """SES-17: SIGTERM sends every session GOODBYE `wamp.close.system_shutdown`."""
    if router.process is None:
        pytest.skip("not our process")
    peers = [await clients.join(transport) for transport in ["ws-default", "ws-json", "rs-cbor", "unix-msgpack"]]
    router.process.send_signal(signal.SIGTERM)
    for peer in peers:
        assert (await within(peer.left)).reason == "wamp.close.system_shutdown"
    assert await asyncio.to_thread(router.process.wait, 20) == 0
    router.stopped = True


async def test_kill_ends_the_other_session(clients):
    """SSM-7: the victim is told why; the caller is not touched."""
    killer, victim = await clients.join(), await clients.join("rs-msgpack")
    await within(killer.call("wamp.session.kill", victim.id, reason="com.example.enough", message="go away"))
    closed = await within(victim.left)
    assert (closed.reason, closed.message) == ("com.example.enough", "go away")
    await fails(killer.call("wamp.session.get", victim.id), "wamp.error.no_such_session")
    assert killer.id in await within(killer.call("wamp.session.list"))


async def test_kill_without_reason(clients):
    """SSM-7, D-18: the default reason."""
    killer, victim = await clients.join(), await clients.join()
    await within(killer.call("wamp.session.kill", victim.id))
    assert (await within(victim.left)).reason == "wamp.close.killed"


async def test_kill_refuses(clients):
    """SSM-8: unknown sessions, oneself and reasons that are no URI."""
    killer, other = await clients.join(), await clients.join()
    await fails(killer.call("wamp.session.kill", UNKNOWN), "wamp.error.no_such_session")
    await fails(killer.call("wamp.session.kill", killer.id), "wamp.error.no_such_session")
    await fails(killer.call("wamp.session.kill", other.id, reason="not a uri"), "wamp.error.invalid_uri")
    assert other.id in await within(killer.call("wamp.session.list"))


async def test_kill_by_authid_authrole_and_all(clients):
    """SSM-9 to SSM-11, D-20: lists of ids, and a count; never the caller."""
    killer = await clients.join()
    first, second, third = [await clients.join() for _ in range(3)]
    assert await within(killer.call("wamp.session.kill_by_authid", "nobody")) == []
    assert await within(killer.call("wamp.session.kill_by_authid", first.welcome.authid)) == [first.id]
    assert sorted(await within(killer.call("wamp.session.kill_by_authrole", "anonymous"))) == sorted(
        [second.id, third.id]
    )
    fourth, fifth = await clients.join(), await clients.join()
    assert await within(killer.call("wamp.session.kill_all", reason="com.example.all_out")) == 2
    assert [(await within(peer.left)).reason for peer in [fourth, fifth]] == ["com.example.all_out"] * 2
    assert await within(killer.call("wamp.session.list")) == [killer.id]


async def test_count_list_and_get(clients):
    """SSM-4, SSM-6: who is there."""
    one, two = await clients.join(), await clients.join("rs-json")
    assert await within(one.call("wamp.session.count")) == 2
    assert sorted(await within(one.call("wamp.session.list"))) == sorted([one.id, two.id])
    assert await within(one.call("wamp.session.count", ["anonymous"])) == 2
    assert await within(one.call("wamp.session.count", ["nobody"])) == 0
    assert await within(one.call("wamp.session.count", [])) == 0
    assert await within(one.call("wamp.session.list", [])) == []
    details = await within(one.call("wamp.session.get", two.id))
    expected = {"session": two.id, "authid": two.welcome.authid, "authrole": "anonymous", "authmethod": "anonymous"}
    assert {key: details[key] for key in expected} == expected
    await fails(one.call("wamp.session.get", UNKNOWN), "wamp.error.no_such_session")
    await fails(one.call("wamp.session.count", "anonymous"), "wamp.error.invalid_argument")


async def test_on_join_and_on_leave(clients):
    """SSM-1 to SSM-3, D-19: what an observer hears of others, and not of itself."""
    observer = await clients.join()
    events = asyncio.Queue()
    await within(observer.subscribe(lambda *args: events.put_nowait(("on_join", *args)), "wamp.session.on_join"))
    await within(observer.subscribe(lambda *args: events.put_nowait(("on_leave", *args)), "wamp.session.on_leave"))

    other = await clients.join("rs-cbor")
    name, details = await within(events.get())
    assert name == "on_join"
    expected = {"session": other.id, "authid": other.welcome.authid, "authrole": "anonymous"}
    assert {key: details[key] for key in expected} == expected

    await other.goodbye()
    assert await within(events.get()) == ("on_leave", other.id, other.welcome.authid, "anonymous")
    assert events.empty()


async def test_on_leave_comes_last(clients):
    """ORD-8, D-19: once on_leave is seen, nothing of that session remains."""
    observer = await clients.join()
    log = await MetaLog.open(observer)
    await within(observer.subscribe(lambda *args, **_: log.events.append(("on_leave", *args)), "wamp.session.on_leave"))
    child = await clients.spawn("com.example.one", "com.example.two")
    await child.kill()
    events = (await log.until(9))[4:]
    assert len(events) == 5
    assert events[-1][:2] == ("on_leave", child.session)
    assert [name for name, *_ in events[:4]] == ["on_unregister", "on_delete"] * 2
