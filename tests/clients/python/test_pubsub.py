"""Publish and subscribe with autobahn-python."""

import asyncio

import pytest
from autobahn.wamp.types import PublishOptions, SubscribeOptions

from support import fails, within

TOPIC = "com.example.topic"


async def listen(peer, topic=TOPIC, **options):
    """Subscribes; returns the subscription and a queue of (args, kwargs, details)."""
    events = asyncio.Queue()

    def on_event(*args, details, **kwargs):
        events.put_nowait((args, kwargs, details))

    subscription = await within(peer.subscribe(on_event, topic, SubscribeOptions(details=True, **options)))
    return subscription, events


async def fence(publisher, queues):
    """Waits until everything published before has arrived: one more event for all follows it (ORD-1)."""
    await within(publisher.publish(TOPIC, "fence", options=PublishOptions(acknowledge=True, exclude_me=False)))
    arrived = []
    for queue in queues:
        before = []
        while True:
            args, *_ = await within(queue.get())
            if args == ("fence",):
                break
            before.append(args[0])
        arrived.append(before)
    return arrived


async def test_an_event_for_each_subscriber(clients):
    """PUB-9 to PUB-11: everybody but the publisher, one publication id, no other details."""
    publisher, one, two = await clients.join(), await clients.join("rs-json"), await clients.join("rs-msgpack")
    _, own = await listen(publisher)
    listeners = [await listen(peer) for peer in [one, two]]
    publication = await within(publisher.publish(TOPIC, 1, x=2, options=PublishOptions(acknowledge=True)))
    for subscription, events in listeners:
        args, kwargs, details = await within(events.get())
        assert (args, kwargs) == ((1,), {"x": 2})
        assert details.publication == publication.id
        assert (details.publisher, details.publisher_authid, details.publisher_authrole) == (None, None, None)
        assert details.topic == TOPIC
    assert await fence(publisher, [own]) == [[]]


async def test_one_id_for_all_subscribers_of_a_topic(clients):
    """IDS-10, PUB-2: the same id for everybody, and for the same session again."""
    one, two = await clients.join(), await clients.join()
    ids = {(await listen(peer))[0].id for peer in [one, two, two]}
    assert len(ids) == 1


async def test_acknowledge(clients):
    """PUB-6, PUB-7: PUBLISHED with an id of its own each time, also when nobody listens."""
    peer = await clients.join()
    assert peer.publish("com.example.silent", 1) is None
    options = PublishOptions(acknowledge=True)
    ids = {(await within(peer.publish("com.example.silent", 1, options=options))).id for _ in range(3)}
    assert len(ids) == 3
    await fails(peer.publish("wamp.reserved", 1, options=options), "wamp.error.invalid_uri")


async def test_exclude_me(clients):
    """SEL-1."""
    peer = await clients.join()
    _, events = await listen(peer)
    for exclude_me, text in [(True, "excluded"), (None, "default"), (False, "included")]:
        await within(peer.publish(TOPIC, text, options=PublishOptions(acknowledge=True, exclude_me=exclude_me)))
    assert await fence(peer, [events]) == [["included"]]


async def test_exclude_and_eligible(clients):
    """SEL-2 to SEL-6, D-15: every list must let a subscriber through; an empty white list lets nobody."""
    publisher = await clients.join()
    peers = [await clients.join() for _ in range(3)]
    queues = [(await listen(peer))[1] for peer in peers]
    a, b, c = [peer.id for peer in peers]
    authids = [peer.welcome.authid for peer in peers]
    cases = {
        "exclude a": (dict(exclude=[a]), [b, c]),
        "exclude nobody": (dict(exclude=[]), [a, b, c]),
        "eligible b": (dict(eligible=[b]), [b]),
        "eligible nobody": (dict(eligible=[]), []),
        "eligible unknown": (dict(eligible=[b, 1]), [b]),
        "black beats white": (dict(eligible=[a, b], exclude=[b]), [a]),
        "exclude authid": (dict(exclude_authid=[authids[2]]), [a, b]),
        "eligible authid": (dict(eligible_authid=[authids[0], authids[1]]), [a, b]),
        "exclude authrole": (dict(exclude_authrole=["anonymous"]), []),
        "eligible authrole": (dict(eligible_authrole=["anonymous"]), [a, b, c]),
        "eligible other authrole": (dict(eligible_authrole=["admin"]), []),
        "all together": (dict(eligible=[a, b, c], eligible_authid=[authids[0], authids[2]], exclude=[a]), [c]),
    }
    for text, (lists, _) in cases.items():
        await within(publisher.publish(TOPIC, text, options=PublishOptions(acknowledge=True, **lists)))
    arrived = await fence(publisher, queues)
    for peer, got in zip(peers, arrived):
        assert got == [text for text, (_, receivers) in cases.items() if peer.id in receivers]


async def test_pattern_subscriptions_name_the_topic(clients):
    """PAT-3 to PAT-6: one event for each subscription that matches, with the published topic."""
    publisher, subscriber = await clients.join("rs-cbor"), await clients.join()
    exact, on_exact = await listen(subscriber, "com.example.a.create")
    prefix, on_prefix = await listen(subscriber, "com.example.", match="prefix")
    wildcard, on_wildcard = await listen(subscriber, "com.example..create", match="wildcard")
    assert len({exact.id, prefix.id, wildcard.id}) == 3

    options = PublishOptions(acknowledge=True)
    first = await within(publisher.publish("com.example.a.create", 1, options=options))
    second = await within(publisher.publish("com.example.b.create", 2, options=options))
    third = await within(publisher.publish("com.example.b.delete", 3, options=options))

    async def received(queue, count):
        events = [await within(queue.get()) for _ in range(count)]
        assert queue.empty()
        return [(args[0], details.topic, details.publication) for args, _, details in events]

    one = (1, "com.example.a.create", first.id)
    two = (2, "com.example.b.create", second.id)
    three = (3, "com.example.b.delete", third.id)
    assert await received(on_prefix, 3) == [one, two, three]
    assert await received(on_wildcard, 2) == [one, two]
    assert await received(on_exact, 1) == [one]


async def test_unsubscribe(clients):
    """PUB-3, PUB-4: nothing comes after UNSUBSCRIBED."""
    publisher, subscriber = await clients.join(), await clients.join()
    subscription, events = await listen(subscriber)
    await within(subscription.unsubscribe())
    await within(publisher.publish(TOPIC, 1, options=PublishOptions(acknowledge=True)))
    _, again = await listen(subscriber)
    assert await fence(publisher, [again]) == [[]]
    assert events.empty()


@pytest.mark.parametrize("transport", ["ws-default", "rs-msgpack"])
async def test_events_keep_the_publishers_order(clients, transport):
    """ORD-1: across topics too."""
    publisher, subscriber = await clients.join(transport), await clients.join()
    seen = []
    for name in "abc":
        await within(subscriber.subscribe(seen.append, f"com.example.{name}"))
    _, end = await listen(subscriber)
    for number in range(900):
        publisher.publish(f"com.example.{'abc'[number % 3]}", number)
    await fence(publisher, [end])
    assert seen == list(range(900))
