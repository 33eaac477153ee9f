"""An exact copy of a realm's registrations, kept from the meta API alone.

The observer's rule: **an answer contains exactly the changes whose events arrived before it.** So a mirror

1. subscribes to the four topics and waits until all are SUBSCRIBED;
2. calls `wamp.registration.list`, and for each id `get` and `list_callees`;
3. lets each answer replace what it holds on that answer's subject, and each event that arrives later change it.

What arrives must be taken in the order of arrival. With asyncio that means: handlers are coroutine functions and calls
are awaited as they are, without a wrapper, so that both continue in the order in which the loop was told of them.
"""

from autobahn.wamp.exception import ApplicationError


class Mirror:
    """`details` and `callees` by registration id. An id whose details or callees are not known yet maps to None."""

    def __init__(self, session):
        self.session = session
        self.details = {}
        self.callees = {}
        self.loaded = False
        self.events = 0

    async def follow(self):
        """Copies the realm, and keeps the copy exact from then on."""
        for name in ["on_create", "on_register", "on_unregister", "on_delete"]:
            await self.session.subscribe(getattr(self, name), f"wamp.registration.{name}")

        ids = await self.session.call("wamp.registration.list")
        self.details = {id: None for match in ["exact", "prefix", "wildcard"] for id in ids[match]}
        self.callees = dict.fromkeys(self.details)
        self.loaded = True

        for id in list(self.details):
            await self._fill(self.details, "wamp.registration.get", id)
            await self._fill(self.callees, "wamp.registration.list_callees", id)

    async def _fill(self, known, procedure, id):
        try:
            answer = await self.session.call(procedure, id)
        except ApplicationError as error:
            # Deleted after the list was made. Then on_delete has already arrived, and the id is not held any more.
            assert error.error == "wamp.error.no_such_registration" and id not in known
            return
        known[id] = answer

    async def on_create(self, session, details, **_):
        self.events += 1
        if self.loaded:
            assert details["id"] not in self.details, "on_create for a registration that is there"
            self.details[details["id"]] = details
            self.callees[details["id"]] = []

    async def on_register(self, session, registration, **_):
        self.events += 1
        if self.loaded and self.callees[registration] is not None:
            assert session not in self.callees[registration], "on_register for a callee that is there"
            self.callees[registration].append(session)

    async def on_unregister(self, session, registration, **_):
        self.events += 1
        if self.loaded and self.callees[registration] is not None:
            self.callees[registration].remove(session)

    async def on_delete(self, session, registration, **_):
        self.events += 1
        if self.loaded:
            assert not self.callees[registration], "on_delete while a callee remains"
            del self.details[registration], self.callees[registration]

    def ids(self):
        """What `wamp.registration.list` would answer now, each list sorted. Needs the details of all ids."""
        ids = {"exact": [], "prefix": [], "wildcard": []}
        for id in sorted(self.details):
            ids[self.details[id]["match"]].append(id)
        return ids
