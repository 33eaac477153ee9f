"""The meta API of subscriptions: rows SMA, on the same machinery as that of registrations."""

import pytest
from autobahn.wamp.types import SubscribeOptions

from support import CREATED, UNKNOWN, MetaLog, fails, split_created, within
from test_registration_events import leave_by_goodbye, leave_by_kill, leave_by_lost_connection

TOPIC = "com.myapp.topic1"


async def subscribe(peer, topic=TOPIC, match="exact"):
    return await within(peer.subscribe(lambda *args, **kwargs: None, topic, SubscribeOptions(match=match)))


@pytest.mark.parametrize("match,topic", [("exact", TOPIC), ("prefix", "com.myapp."), ("wildcard", "com..topic1")])
async def test_two_subscribers_come_and_go(clients, match, topic):
    """SMA-1 to SMA-4."""
    log = await MetaLog.open(await clients.join(), "subscription")
    one, two = await clients.join(), await clients.join("rs-json")
    first, second = await subscribe(one, topic, match), await subscribe(two, topic, match)
    subscription = first.id
    assert second.id == subscription
    await within(first.unsubscribe())
    await within(second.unsubscribe())
    assert split_created(await log.settle()) == [
        ("on_create", one.id, {"id": subscription, "uri": topic, "match": match}),
        ("on_subscribe", one.id, subscription),
        ("on_subscribe", two.id, subscription),
        ("on_unsubscribe", one.id, subscription),
        ("on_unsubscribe", two.id, subscription),
        ("on_delete", two.id, subscription),
    ]


@pytest.mark.parametrize("leave", [leave_by_goodbye, leave_by_lost_connection, leave_by_kill])
async def test_a_subscriber_ends(clients, leave):
    """SMA-3, SMA-4, MTA-5: real ids, whatever ended the session."""
    log = await MetaLog.open(await clients.join(), "subscription")
    peer = await clients.join()
    subscription = await subscribe(peer)
    await leave(clients, peer)
    assert (await log.until(4))[2:] == [
        ("on_unsubscribe", peer.id, subscription.id),
        ("on_delete", peer.id, subscription.id),
    ]


async def test_list_lookup_match_and_get(clients):
    """SMA-5, SMA-7 to SMA-10."""
    peer, other = await clients.join(), await clients.join()
    exact, prefix, wildcard = [
        (await subscribe(peer, topic, match)).id
        for topic, match in [(TOPIC, "exact"), ("com.myapp.", "prefix"), ("com..topic1", "wildcard")]
    ]
    await subscribe(other)
    call = lambda name, *args: within(other.call(f"wamp.subscription.{name}", *args))  # noqa: E731
    assert await call("list") == {"exact": [exact], "prefix": [prefix], "wildcard": [wildcard]}
    assert await call("lookup", TOPIC) == exact
    assert await call("lookup", "com.myapp.", {"match": "prefix"}) == prefix
    assert await call("lookup", "com..topic1", {"match": "wildcard"}) == wildcard
    assert await call("lookup", "com.myapp.") is None
    assert sorted(await call("match", TOPIC)) == sorted([exact, prefix, wildcard])
    assert await call("match", "com.other") is None
    details = await call("get", prefix)
    assert CREATED.fullmatch(details.pop("created"))
    assert details == {"id": prefix, "uri": "com.myapp.", "match": "prefix"}
    assert sorted(await call("list_subscribers", exact)) == sorted([peer.id, other.id])
    assert await call("count_subscribers", exact) == 2
    for name in ["get", "list_subscribers", "count_subscribers"]:
        await fails(other.call(f"wamp.subscription.{name}", UNKNOWN), "wamp.error.no_such_subscription")
