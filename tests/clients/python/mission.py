"""Everything that the guide "Registration Meta Events and Procedures" promises, one after the other.

    python mission.py ws://127.0.0.1:8080/ws

The guide's examples are in JavaScript (see ../js/mission.js); here they are in Python, in the guide's order. Each step
prints what was asked and what came back, and stops the script if the answer is not the promised one. The realm must be
empty of registrations.
"""

import asyncio
import re
import sys
from types import SimpleNamespace
from urllib.parse import urlsplit

import txaio
from autobahn.wamp.exception import ApplicationError
from autobahn.wamp.types import RegisterOptions

from support import open_peer

NOBODY, NOTHING = 483984922713478, 23560753
"""The session and registration ids that the guide's examples show: here there is no such session or registration."""


async def main(url):
    parts = urlsplit(url)
    router = SimpleNamespace(websocket=url, host=parts.hostname, port=parts.port)
    session, callee, second = [await open_peer(router) for _ in range(3)]
    seen = []

    async def ask(expected, procedure, *args):
        """Calls, shows and checks. An expected string that names an error stands for that error."""
        try:
            answer = await session.call(procedure, *args)
        except ApplicationError as error:
            answer = error.error
        print(f"{procedure}{list(args)}\n    {answer}")
        assert answer == expected, f"expected {expected}"

    def heard(expected):
        """Shows and checks the events since the last time."""
        for event in seen:
            print(f"    {event}")
        assert seen == expected, f"expected {expected}"
        seen.clear()

    print("# Before anything is registered")
    await ask({"exact": [], "prefix": [], "wildcard": []}, "wamp.registration.list")
    await ask(None, "wamp.registration.lookup", "com.myapp.procedure1")
    await ask([], "wamp.registration.match", "com.myapp.procedure1")
    await ask("wamp.error.no_such_registration", "wamp.registration.get", NOTHING)
    await ask("wamp.error.no_such_registration", "wamp.registration.list_callees", NOTHING)
    await ask("wamp.error.no_such_registration", "wamp.registration.count_callees", NOTHING)
    await ask("wamp.error.no_such_session", "wamp.registration.remove_callee", NOTHING, NOBODY)

    print("# Events: subscribe to all four")
    for name in ["on_create", "on_register", "on_unregister", "on_delete"]:

        def handler(who, what, name=name, **_):
            seen.append((name, who, what))

        await session.subscribe(handler, f"wamp.registration.{name}")

    print("# A first callee creates a registration: on_create, then on_register")
    ids = {}
    for uri, match in [("com.myapp.procedure1", "exact"), ("com.myapp", "prefix"), ("com.myapp..create", "wildcard")]:
        options = RegisterOptions(match=match, invoke="roundrobin")
        registration = await callee.register(lambda: None, uri, options)
        ids[match] = registration.id
        details = await session.call("wamp.registration.get", registration.id)
        heard([("on_create", callee.id, details), ("on_register", callee.id, registration.id)])
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", details["created"])
        assert set(details) == {"id", "created", "uri", "match", "invoke"}
        assert (details["uri"], details["match"], details["invoke"]) == (uri, match, "roundrobin")

    exact, prefix, wildcard = ids["exact"], ids["prefix"], ids["wildcard"]

    print("# Retrieving registration IDs")
    await ask({"exact": [exact], "prefix": [prefix], "wildcard": [wildcard]}, "wamp.registration.list")
    await ask(exact, "wamp.registration.lookup", "com.myapp.procedure1")
    await ask(prefix, "wamp.registration.lookup", "com.myapp", {"match": "prefix"})
    await ask(wildcard, "wamp.registration.lookup", "com.myapp..create", {"match": "wildcard"})
    await ask(None, "wamp.registration.lookup", "com.myapp")
    await ask([exact, prefix], "wamp.registration.match", "com.myapp.procedure1")
    await ask([prefix, wildcard], "wamp.registration.match", "com.myapp.user.create")
    await ask([], "wamp.registration.match", "com.other.procedure1")

    print("# A second callee on the same registration: on_register alone")
    await second.register(lambda: None, "com.myapp.procedure1", RegisterOptions(invoke="roundrobin"))
    await ask([callee.id, second.id], "wamp.registration.list_callees", exact)
    heard([("on_register", second.id, exact)])
    await ask(2, "wamp.registration.count_callees", exact)

    print("# Forcefully removing a callee: not the last one, so nothing is deleted")
    await ask("wamp.error.no_such_session", "wamp.registration.remove_callee", exact, NOBODY)
    await ask("wamp.error.no_such_registration", "wamp.registration.remove_callee", NOTHING, callee.id)
    await ask("wamp.error.no_such_registration", "wamp.registration.remove_callee", prefix, second.id)
    await ask(None, "wamp.registration.remove_callee", exact, callee.id)
    heard([("on_unregister", callee.id, exact)])
    await ask([second.id], "wamp.registration.list_callees", exact)

    print("# The last one, by the other name of the procedure: the registration is deleted")
    await ask(None, "wamp.subscription.remove_callee", exact, second.id)
    heard([("on_unregister", second.id, exact), ("on_delete", second.id, exact)])
    await ask("wamp.error.no_such_registration", "wamp.registration.get", exact)
    await ask(None, "wamp.registration.lookup", "com.myapp.procedure1")

    print("# A session that ends takes its registrations with it")
    await callee.goodbye()
    await ask({"exact": [], "prefix": [], "wildcard": []}, "wamp.registration.list")
    for id in [prefix, wildcard]:
        mine = [event for event in seen if event[2] == id]
        assert mine == [("on_unregister", callee.id, id), ("on_delete", callee.id, id)]
    assert len(seen) == 4

    for peer in [session, second]:
        await peer.goodbye()
    print("everything of the guide holds")


if __name__ == "__main__":
    txaio.config.loop = loop = asyncio.new_event_loop()
    loop.run_until_complete(main(sys.argv[1]))
