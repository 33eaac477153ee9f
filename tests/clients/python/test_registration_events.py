"""The four registration events: their order and arguments, for everything that adds or removes a callee.

Read with rows MTA, RMA and D-21 in mind: ids are those at the time of the event, `on_create` comes before the first
`on_register`, `on_delete` after the last `on_unregister` and never while a callee remains.
"""

import pytest

from support import UNKNOWN, MetaLog, fails, register, split_created, within

PROCEDURE = "com.myapp.procedure1"


def created(session, registration, uri=PROCEDURE, match="exact", invoke="single"):
    """The two events of a first REGISTER."""
    return [
        ("on_create", session, {"id": registration, "uri": uri, "match": match, "invoke": invoke}),
        ("on_register", session, registration),
    ]


def deleted(session, registration):
    """The two events of the last callee leaving."""
    return [("on_unregister", session, registration), ("on_delete", session, registration)]


@pytest.mark.parametrize("observer", ["ws-default", "ws-json", "rs-json", "rs-msgpack", "unix-cbor"])
async def test_register_and_unregister(clients, router, observer):
    """RMA-1 to RMA-4: all four, in order, with their exact arguments, over every kind of transport."""
    if observer.startswith("unix") and not router.unix:
        pytest.skip("this router has no Unix socket that we know of")
    log = await MetaLog.open(await clients.join(observer))
    callee = await clients.join()
    registration = await register(callee, PROCEDURE)
    assert split_created(await log.settle()) == created(callee.id, registration.id)
    await within(registration.unregister())
    assert split_created(await log.settle())[2:] == deleted(callee.id, registration.id)


@pytest.mark.parametrize("match,uri", [("exact", PROCEDURE), ("prefix", "com.myapp"), ("wildcard", "com.myapp..create")])
@pytest.mark.parametrize("invoke", ["single", "roundrobin", "random", "first", "last"])
async def test_the_policies_are_named(clients, match, uri, invoke):
    """RMA-5: `match` and `invoke` are always there, in words."""
    log = await MetaLog.open(await clients.join())
    callee = await clients.join()
    registration = await register(callee, uri, match=match, invoke=invoke)
    assert split_created(await log.settle()) == created(callee.id, registration.id, uri, match, invoke)


async def test_the_causing_session_hears_them_too(clients):
    """MTA-4, D-21: a session that watches the API sees itself."""
    peer = await clients.join()
    log = await MetaLog.open(peer)
    registration = await register(peer, PROCEDURE)
    await within(registration.unregister())
    assert split_created(await log.settle()) == created(peer.id, registration.id) + deleted(peer.id, registration.id)


async def test_a_failed_request_has_no_events(clients):
    """RMA-6."""
    log = await MetaLog.open(await clients.join())
    callee, other = await clients.join(), await clients.join()
    registration = await register(callee, PROCEDURE)
    await fails(register(other, PROCEDURE), "wamp.error.procedure_already_exists")
    await fails(register(other, "wamp.mine"), "wamp.error.invalid_uri")
    assert split_created(await log.settle()) == created(callee.id, registration.id)


async def leave_by_goodbye(clients, callee):
    await callee.goodbye()


async def leave_by_lost_connection(clients, callee):
    callee.drop()


async def leave_by_kill(clients, callee):
    killer = await clients.join()
    await within(killer.call("wamp.session.kill", callee.id))


@pytest.mark.parametrize("leave", [leave_by_goodbye, leave_by_lost_connection, leave_by_kill])
async def test_a_session_ends(clients, leave):
    """RMA-3, RMA-4, MTA-5: the same two events with the real ids, whatever ended the session."""
    log = await MetaLog.open(await clients.join())
    callee = await clients.join()
    registration = await register(callee, PROCEDURE)
    await leave(clients, callee)
    assert split_created(await log.until(4)) == created(callee.id, registration.id) + deleted(callee.id, registration.id)


@pytest.mark.parametrize("match", ["exact", "prefix", "wildcard"])
async def test_the_process_of_a_callee_is_killed(clients, match):
    """RMA-3, RMA-4, RMA-7: `kill -9` of a process that holds several registrations."""
    log = await MetaLog.open(await clients.join())
    uris = [f"com.myapp.kill9.{number}" for number in range(5)]
    child = await clients.spawn(*uris, match=match)
    expected = []
    for uri, registration in zip(uris, child.registrations):
        expected += created(child.session, registration, uri, match)
    assert split_created(await log.settle()) == expected

    await child.kill()
    gone = (await log.until(20))[10:]
    for registration in child.registrations:
        assert [event for event in gone if event[2] == registration] == deleted(child.session, registration)
    assert len(gone) == 10


@pytest.mark.parametrize("name", ["wamp.registration.remove_callee", "wamp.subscription.remove_callee"])
async def test_remove_callee(clients, name):
    """RMA-15, RMA-16, D-02: both names remove; the events come before the answer, and the session lives on."""
    operator, callee = await clients.join(), await clients.join()
    log = await MetaLog.open(operator)
    registration = await register(callee, PROCEDURE, lambda: "served")
    assert await within(operator.call(name, registration.id, callee.id)) is None
    assert split_created(log.events) == created(callee.id, registration.id) + deleted(callee.id, registration.id)

    await fails(operator.call(PROCEDURE), "wamp.error.no_such_procedure")
    again = await register(callee, PROCEDURE, lambda: "served again")
    assert again.id != registration.id
    assert await within(operator.call(PROCEDURE)) == "served again"


@pytest.mark.parametrize("name", ["wamp.registration.remove_callee", "wamp.subscription.remove_callee"])
async def test_remove_callee_refuses(clients, name):
    """RMA-15: the three errors, in their order; nothing is removed and no event sent."""
    operator, callee, other = await clients.join(), await clients.join(), await clients.join()
    registration = await register(callee, PROCEDURE)
    log = await MetaLog.open(operator)
    await fails(operator.call(name, registration.id, UNKNOWN), "wamp.error.no_such_session")
    await fails(operator.call(name, UNKNOWN, UNKNOWN), "wamp.error.no_such_session")
    await fails(operator.call(name, UNKNOWN, callee.id), "wamp.error.no_such_registration")
    await fails(operator.call(name, registration.id, other.id), "wamp.error.no_such_registration")
    await fails(operator.call(name, registration.id), "wamp.error.invalid_argument")
    assert await log.settle() == []
    assert await within(operator.call("wamp.registration.list_callees", registration.id)) == [callee.id]


async def shared_pair(clients):
    """Two callees on one shared registration, and an observer who was there first."""
    log = await MetaLog.open(await clients.join())
    first, second = await clients.join(), await clients.join()
    registrations = [await register(peer, PROCEDURE, lambda: None, invoke="roundrobin") for peer in [first, second]]
    shared = registrations[0].id
    assert registrations[1].id == shared
    start = created(first.id, shared, invoke="roundrobin") + [("on_register", second.id, shared)]
    assert split_created(await log.settle()) == start
    return log, [first, second], registrations


async def test_two_callees_leave_one_by_one(clients):
    """RMA-4, RMA-6: the first to go deletes nothing; the last does."""
    log, peers, registrations = await shared_pair(clients)
    shared = registrations[0].id
    await within(registrations[0].unregister())
    assert (await log.settle())[3:] == [("on_unregister", peers[0].id, shared)]
    await within(registrations[1].unregister())
    assert (await log.settle())[4:] == deleted(peers[1].id, shared)


@pytest.mark.parametrize("leave", [leave_by_goodbye, leave_by_lost_connection, leave_by_kill])
async def test_two_callees_end_one_by_one(clients, leave):
    """RMA-4, RMA-6, D-21: the same when their sessions end."""
    log, peers, registrations = await shared_pair(clients)
    shared = registrations[0].id
    await leave(clients, peers[0])
    assert (await log.until(4))[3:] == [("on_unregister", peers[0].id, shared)]
    assert await within(log.observer.call("wamp.registration.list_callees", shared)) == [peers[1].id]
    await leave(clients, peers[1])
    assert (await log.until(6))[4:] == deleted(peers[1].id, shared)


async def test_two_processes_are_killed_one_by_one(clients):
    """RMA-4, RMA-6, MTA-5: the same for `kill -9`."""
    log = await MetaLog.open(await clients.join())
    first, second = [await clients.spawn(PROCEDURE, invoke="roundrobin") for _ in range(2)]
    shared = first.registrations[0]
    await second.kill()
    assert (await log.until(4))[3:] == [("on_unregister", second.session, shared)]
    assert await within(log.observer.call("wamp.registration.count_callees", shared)) == 1
    await first.kill()
    assert (await log.until(6))[4:] == deleted(first.session, shared)


async def test_remove_callee_from_a_pair(clients):
    """RMA-16: removing one of two deletes nothing; removing the other does."""
    log, peers, registrations = await shared_pair(clients)
    shared = registrations[0].id
    await within(log.observer.call("wamp.registration.remove_callee", shared, peers[1].id))
    assert log.events[3:] == [("on_unregister", peers[1].id, shared)]
    await within(log.observer.call("wamp.subscription.remove_callee", shared, peers[0].id))
    assert log.events[4:] == deleted(peers[0].id, shared)


async def test_pattern_subscribers_hear_all_four(clients):
    """MTA-1, ORD-7: one subscription to the prefix `wamp.registration.` gets the same, in the same order."""
    log = await MetaLog.open(await clients.join(), match="prefix")
    callee = await clients.join()
    registration = await register(callee, PROCEDURE)
    await within(registration.unregister())
    assert split_created(await log.settle()) == created(callee.id, registration.id) + deleted(callee.id, registration.id)


async def test_events_say_uri_and_match_as_keywords(clients):
    """The realm's `meta_event_kwargs`, on by default: all four name the procedure and its policy."""
    log = await MetaLog.open(await clients.join())
    callee = await clients.join()
    registration = await register(callee, "com.myapp", match="prefix")
    await within(registration.unregister())
    await log.settle()
    assert log.kwargs == [{"uri": "com.myapp", "match": "prefix"}] * 4


@pytest.mark.parametrize("banyan_config", ["meta_event_kwargs = false"], indirect=True)
async def test_handlers_with_exactly_the_arguments_of_the_specification(clients, banyan_config):
    """MTA-8: without the keywords, a handler with just the specification's arguments is called. (With them autobahn
    cannot call it: Python wants a place for keyword arguments.)"""
    observer, callee = await clients.join(), await clients.join()
    seen = []

    def on_create(session, details):
        seen.append((session, details["uri"]))

    def on_register(session, registration):
        seen.append((session, registration))

    await within(observer.subscribe(on_create, "wamp.registration.on_create"))
    await within(observer.subscribe(on_register, "wamp.registration.on_register"))
    registration = await register(callee, PROCEDURE)
    await within(observer.call("wamp.registration.list"))
    assert seen == [(callee.id, PROCEDURE), (callee.id, registration.id)]
