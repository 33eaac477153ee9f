"""Every transport that autobahn-python has, with every serializer: a session works the same over each."""

import asyncio
import itertools

import pytest
from autobahn.wamp.types import PublishOptions

from support import TRANSPORTS, register, within

VALUES = [
    None,
    True,
    0,
    -1,
    2**53,
    1.5,
    "",
    "Bänyan \N{DECIDUOUS TREE} \\ \" \n",
    b"",
    b"\x00\x01\xfe\xff" * 9,
    [],
    {},
    [1, [2, [3, {"deep": [None, b"\x00", "x"]}]]],
    {"a": {"b": {"c": [1.25, False]}}, "": "empty key"},
]
"""Every type that all serializers have in common."""


def skip_if_missing(router, transport):
    if transport.startswith("unix") and not router.unix:
        pytest.skip("this router has no Unix socket that we know of")


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_call_and_event_over_each_transport(clients, router, transport):
    """SER-1, WS-1, WS-5, RAW-1: args and kwargs of a call, its result and an event arrive as they were sent."""
    skip_if_missing(router, transport)
    peer = await clients.join(transport)

    await register(peer, "com.example.echo", lambda *args, **kwargs: [list(args), kwargs])
    assert await within(peer.call("com.example.echo", *VALUES, name="x", blob=b"\x00")) == [
        VALUES,
        {"name": "x", "blob": b"\x00"},
    ]

    got = asyncio.Queue()
    await within(peer.subscribe(lambda *args, **kwargs: got.put_nowait((args, kwargs)), "com.example.topic"))
    await within(
        peer.publish("com.example.topic", *VALUES, key=[1], options=PublishOptions(acknowledge=True, exclude_me=False))
    )
    assert await within(got.get()) == (tuple(VALUES), {"key": [1]})


ONE_OF_EACH = ["ws-json", "ws-cbor.batched", "rs-json", "rs-msgpack", "rs-cbor"]


@pytest.mark.parametrize("caller,callee", list(itertools.permutations(ONE_OF_EACH, 2)))
async def test_payload_crosses_serializers(clients, caller, callee):
    """SER-4: types survive between peers of different serializers, binary included."""
    there, here = await clients.join(callee), await clients.join(caller)
    received = []

    def endpoint(*args, **kwargs):
        received.append((list(args), kwargs))
        return [list(args), kwargs]

    await register(there, "com.example.echo", endpoint)
    assert await within(here.call("com.example.echo", *VALUES, k=VALUES)) == [VALUES, {"k": VALUES}]
    assert received == [(VALUES, {"k": VALUES})]


@pytest.mark.parametrize("transport", ["ws-default", "rs-cbor"])
async def test_a_large_payload(clients, transport):
    """A payload of 1 MB goes through in one piece."""
    peer = await clients.join(transport)
    await register(peer, "com.example.length", lambda blob: [len(blob), blob[-1:]])
    assert await within(peer.call("com.example.length", b"\x07" * 1_000_000)) == [1_000_000, b"\x07"]


@pytest.mark.parametrize("transport", ["ws-default", "ws-json.batched", "rs-msgpack"])
async def test_a_thousand_calls_at_once(clients, transport):
    """WS-9: requests sent in one go are all answered, each with its own result."""
    peer = await clients.join(transport)
    await register(peer, "com.example.double", lambda number: 2 * number)
    results = await within(asyncio.gather(*[peer.call("com.example.double", n) for n in range(1000)]))
    assert results == [2 * n for n in range(1000)]
