"""Sessions of autobahn-python, made short for tests.

Every helper talks to the router only through autobahn's public classes, so what passes here passes for any
application written with that library.
"""

import asyncio
import os
import re
import sys
from contextlib import suppress

import pytest
import txaio

txaio.use_asyncio()

from autobahn.asyncio.rawsocket import WampRawSocketClientFactory  # noqa: E402
from autobahn.asyncio.wamp import ApplicationSession  # noqa: E402
from autobahn.asyncio.websocket import WampWebSocketClientFactory  # noqa: E402
from autobahn.wamp.exception import ApplicationError  # noqa: E402
from autobahn.wamp.serializer import CBORSerializer, JsonSerializer, MsgPackSerializer  # noqa: E402
from autobahn.wamp.types import ComponentConfig, RegisterOptions, SubscribeOptions  # noqa: E402

PATIENCE = 10.0
"""Seconds after which a wait for the router is a failure."""

CREATED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
"""How moments are written (MTA-9)."""

UNKNOWN = 2**52 + 1
"""An id that nothing has: far above what a test registers, and a session's random id meets it once in 2^53."""

SERIALIZERS = {"json": JsonSerializer, "msgpack": MsgPackSerializer, "cbor": CBORSerializer}

TRANSPORTS = [
    "ws-default",
    "ws-json",
    "ws-msgpack",
    "ws-cbor",
    "ws-json.batched",
    "ws-msgpack.batched",
    "ws-cbor.batched",
    "rs-json",
    "rs-msgpack",
    "rs-cbor",
    "unix-json",
    "unix-msgpack",
    "unix-cbor",
]
"""Framing and serializer; `ws-default` leaves the choice to autobahn, which asks for `wamp.2.cbor.batched` first."""


def serializer(name):
    """The serializer of a transport's name: `cbor`, or `cbor.batched`."""
    kind, _, batched = name.partition(".")
    return SERIALIZERS[kind](batched=True) if batched else SERIALIZERS[kind]()


class Peer(ApplicationSession):
    """One session. `joined` resolves to its details, `left` to why it ended, `gone` once its transport is closed."""

    def __init__(self, config):
        super().__init__(config)
        loop = asyncio.get_running_loop()
        self.welcome = None
        self.joined, self.left, self.gone = loop.create_future(), loop.create_future(), loop.create_future()

    def onWelcome(self, welcome):
        self.welcome = welcome

    def onJoin(self, details):
        self.joined.set_result(details)

    def onLeave(self, details):
        if not self.left.done():
            self.left.set_result(details)
        if not self.joined.done():
            self.joined.set_exception(ApplicationError(details.reason, details.message))
        return super().onLeave(details)

    def onDisconnect(self):
        if not self.joined.done():
            self.joined.set_exception(ConnectionError("the transport closed before WELCOME"))
        if not self.gone.done():
            self.gone.set_result(None)
        return super().onDisconnect()

    @property
    def id(self):
        """The session id that WELCOME gave."""
        return self.welcome.session

    async def goodbye(self):
        """Leaves the realm and waits until the transport is closed."""
        if self.is_attached():
            self.leave()
        await within(self.gone)

    def drop(self):
        """Cuts the connection without GOODBYE, as a lost network does."""
        self._transport.transport.abort()


async def within(awaitable, seconds=PATIENCE):
    """Awaits, or fails: nothing that a test waits for may hang."""
    return await asyncio.wait_for(awaitable, seconds)


async def open_peer(router, transport="ws-default", realm="realm1", make=Peer):
    """Connects one session over the named transport and joins `realm`."""
    loop = asyncio.get_running_loop()
    peer = make(ComponentConfig(realm, {}))
    kind, _, name = transport.partition("-")
    if kind == "ws":
        chosen = None if name == "default" else [serializer(name)]
        factory = WampWebSocketClientFactory(lambda: peer, url=router.websocket, serializers=chosen)
        await within(loop.create_connection(factory, router.host, router.port))
    elif kind == "rs":
        factory = WampRawSocketClientFactory(lambda: peer, serializer=serializer(name))
        await within(loop.create_connection(factory, router.host, router.port))
    else:
        factory = WampRawSocketClientFactory(lambda: peer, serializer=serializer(name))
        await within(loop.create_unix_connection(factory, router.unix))
    await within(asyncio.shield(peer.joined))
    return peer


class Clients:
    """The sessions of one test; those still open are closed when it ends."""

    def __init__(self, router):
        self.router = router
        self.peers = []
        self.processes = []

    async def join(self, transport="ws-default", realm="realm1"):
        """One more session."""
        peer = await open_peer(self.router, transport, realm)
        self.peers.append(peer)
        return peer

    async def spawn(self, *procedures, invoke="single", match="exact"):
        """A client in a process of its own that registers `procedures`: see `callee.py`."""
        child = await Child.start(self.router, procedures, invoke, match)
        self.processes.append(child)
        return child

    async def close(self):
        for child in self.processes:
            await child.stop()
        for peer in self.peers:
            if not peer.gone.done():
                with suppress(asyncio.TimeoutError, TimeoutError):
                    await peer.goodbye()


class Child:
    """A client process: its session id and the registration ids it was given, in order."""

    def __init__(self, process, session, registrations):
        self.process, self.session, self.registrations = process, session, registrations

    @classmethod
    async def start(cls, router, procedures, invoke, match):
        script = os.path.join(os.path.dirname(__file__), "callee.py")
        process = await asyncio.create_subprocess_exec(
            sys.executable, script, router.websocket, invoke, match, *procedures, stdout=asyncio.subprocess.PIPE
        )
        line = await within(process.stdout.readline(), 30)
        session, *registrations = [int(word) for word in line.split()]
        return cls(process, session, registrations)

    async def kill(self):
        """`kill -9`: the process gets no chance to say goodbye."""
        self.process.kill()
        await within(self.process.wait())

    async def stop(self):
        if self.process.returncode is None:
            await self.kill()


class MetaLog:
    """What one observer is told: every event of a meta topic group, in the order of arrival."""

    def __init__(self, observer, group):
        self.observer, self.group = observer, group
        self.events = []
        self.kwargs = []
        self._news = asyncio.Event()

    @classmethod
    async def open(cls, observer, group="registration", **options):
        """Subscribes `observer` to the group's topics: one SUBSCRIBE each, or one pattern if `match` is given."""
        self = cls(observer, group)
        if "match" in options:
            options = SubscribeOptions(details=True, **options)
            await within(observer.subscribe(self._any, f"wamp.{group}.", options))
        else:
            for name in TOPICS[group]:
                await within(observer.subscribe(self._handler(name), f"wamp.{group}.{name}"))
        return self

    def _handler(self, name):
        def on_event(*args, **kwargs):
            self.events.append((name, *args))
            self.kwargs.append(kwargs)
            self._news.set()

        return on_event

    def _any(self, *args, details, **kwargs):
        self._handler(details.topic.rpartition(".")[2])(*args, **kwargs)

    async def settle(self):
        """All events of what the router did so far. A procedure's answer never overtakes them: the observer's rule."""
        await within(self.observer.call(f"wamp.{self.group}.list"))
        return self.events

    async def until(self, count):
        """Waits for `count` events: for causes that no reply announces, such as a lost connection."""

        async def enough():
            while len(self.events) < count:
                self._news.clear()
                await self._news.wait()

        await within(enough())
        return await self.settle()


TOPICS = {
    "registration": ["on_create", "on_register", "on_unregister", "on_delete"],
    "subscription": ["on_create", "on_subscribe", "on_unsubscribe", "on_delete"],
}


async def register(peer, procedure, endpoint=lambda *args, **kwargs: None, **options):
    """Registers and returns autobahn's registration."""
    return await within(peer.register(endpoint, procedure, RegisterOptions(**options) if options else None))


async def fails(awaitable, uri):
    """Asserts that a request ends with the WAMP error `uri`, and returns the error."""
    with pytest.raises(ApplicationError) as caught:
        await within(awaitable)
    assert caught.value.error == uri
    return caught.value


def split_created(events):
    """The events with the creation dates taken out of `on_create`, which are checked on the way."""
    plain = []
    for name, session, subject in events:
        if name == "on_create":
            subject = dict(subject)
            assert CREATED.fullmatch(subject.pop("created"))
        plain.append((name, session, subject))
    return plain
