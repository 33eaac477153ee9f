"""An observer under churn: its mirror is exact at every moment, from the events alone."""

import asyncio
import os
import random
import time

import pytest
from autobahn.wamp.types import RegisterOptions

from mirror import Mirror
from support import open_peer, within

CHURN_SECONDS = float(os.environ.get("CHURN_SECONDS", "4"))
SEED = int(os.environ.get("SEED", time.time_ns() % 2**32))
TRANSPORTS = ["ws-default", "ws-json", "rs-msgpack", "rs-cbor"]


class Churner:
    """A client that registers, unregisters, leaves and comes back at random. `held` is what it knows to be true."""

    def __init__(self, router, seed, transport):
        self.router, self.transport, self.random = router, transport, random.Random(seed)
        self.peer, self.held = None, {}

    async def run(self, stop):
        while not stop.is_set():
            if self.peer is None:
                self.peer = await open_peer(self.router, self.transport)
            steps = [self.register, self.unregister, self.leave]
            await self.random.choices(steps, [0 if len(self.held) > 50 else 60, 38, 2])[0]()

    async def register(self):
        burst = self.random.randrange(1, 20)
        chosen = [self._choose() for _ in range(burst)]
        calls = [self.peer.register(lambda *_: None, uri, options) for uri, options in chosen]
        for registration in await within(asyncio.gather(*calls, return_exceptions=True)):
            if not isinstance(registration, Exception):
                self.held[registration.id] = registration

    def _choose(self):
        match = self.random.choice(["exact", "exact", "prefix", "wildcard"])
        number = self.random.randrange(10000)
        if self.random.random() < 0.5:
            return f"com.shared.{number % 20}", RegisterOptions(match=match, invoke="roundrobin")
        return f"com.mine.{id(self)}.{number}", RegisterOptions(match=match)

    async def unregister(self):
        some = self.random.sample(sorted(self.held), min(len(self.held), self.random.randrange(1, 20)))
        await within(asyncio.gather(*[self.held.pop(id).unregister() for id in some]))

    async def leave(self):
        peer, self.peer, self.held = self.peer, None, {}
        if self.random.random() < 0.5:
            await peer.goodbye()
        else:
            peer.drop()
            await within(peer.gone)


async def compare_now(mirror, choose):
    """The rule itself: at the moment an answer arrives, the mirror holds exactly what the answer says."""
    answer = await mirror.session.call("wamp.registration.list")
    assert {match: sorted(ids) for match, ids in answer.items()} == mirror.ids()
    if mirror.callees:
        id = choose.choice(sorted(mirror.callees))
        try:
            callees = await mirror.session.call("wamp.registration.list_callees", id)
        except Exception:
            assert id not in mirror.callees
        else:
            assert callees == mirror.callees[id]


@pytest.mark.parametrize("transport", ["ws-default", "rs-msgpack"])
async def test_the_mirror_is_exact_while_others_churn(clients, transport):
    """MTA-4, MTA-5, ORD-7, and the observer's rule: no gap and no double, checked again and again under churn."""
    print(f"SEED={SEED}")
    churners = [Churner(clients.router, f"{SEED}/{n}", name) for n, name in enumerate(TRANSPORTS + TRANSPORTS)]
    stop = asyncio.Event()
    running = [asyncio.ensure_future(churner.run(stop)) for churner in churners]
    while sum(len(churner.held) for churner in churners) < 100:
        await asyncio.sleep(0.01)  # something is there, and changing, when the observer arrives

    mirror = Mirror(await clients.join(transport))
    try:
        await asyncio.wait_for(mirror.follow(), 30)
        until, checks, choose = time.monotonic() + CHURN_SECONDS, 0, random.Random(SEED)
        while checks < 20 or mirror.events < 500 or time.monotonic() < until:
            await within(asyncio.ensure_future(compare_now(mirror, choose)))
            checks += 1
    finally:
        stop.set()
        await asyncio.gather(*running)
    await within(asyncio.ensure_future(compare_now(mirror, choose)))

    held = {}
    for churner in churners:
        for id in churner.held:
            held.setdefault(id, set()).add(churner.peer.id)
    mirrored = {id: set(callees) for id, callees in mirror.callees.items()}
    assert mirrored == held
    for churner in churners:
        clients.peers += [churner.peer] if churner.peer else []
    print(f"{mirror.events} events, {checks} checks, {len(held)} registrations at the end")


async def test_the_mirror_survives_the_death_of_processes(clients):
    """MTA-5: processes with many registrations are killed while an observer watches."""
    mirror = Mirror(await clients.join())
    await mirror.follow()
    procedures = [f"com.myapp.p{n}" for n in range(200)]
    children = [await clients.spawn(*procedures, invoke="roundrobin") for _ in range(3)]
    for left, child in reversed(list(enumerate(children))):
        await child.kill()
        while any(child.session in callees for callees in mirror.callees.values()):
            await within(asyncio.ensure_future(compare_now(mirror, random.Random(SEED))))
        assert len(mirror.details) == (200 if left else 0)
        assert all(len(callees) == left for callees in mirror.callees.values())
