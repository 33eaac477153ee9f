"""Remote procedure calls of autobahn-python."""

import asyncio

from autobahn.wamp.exception import ApplicationError
from autobahn.wamp.types import CallResult

from support import fails, register, within


async def test_arguments_and_results(clients):
    """RPC-4, GEN-6, GEN-7: all shapes of payload, both ways."""
    callee, caller = await clients.join(), await clients.join("rs-msgpack")
    seen = []

    def endpoint(*args, **kwargs):
        seen.append((args, kwargs))
        return CallResult(*args, **kwargs)

    await register(callee, "com.example.mirror", endpoint)
    assert await within(caller.call("com.example.mirror")) is None
    assert await within(caller.call("com.example.mirror", 1)) == 1
    pair = await within(caller.call("com.example.mirror", 1, 2))
    assert (list(pair.results), pair.kwresults) == ([1, 2], {})
    named = await within(caller.call("com.example.mirror", x=3))
    assert (list(named.results), named.kwresults) == ([], {"x": 3})
    both = await within(caller.call("com.example.mirror", "a", x=3))
    assert (list(both.results), both.kwresults) == (["a"], {"x": 3})
    assert seen == [((), {}), ((1,), {}), ((1, 2), {}), ((), {"x": 3}), (("a",), {"x": 3})]


async def test_caller_and_callee_may_be_one(clients):
    """RPC-5."""
    peer = await clients.join()
    await register(peer, "com.example.self", lambda: "me")
    assert await within(peer.call("com.example.self")) == "me"


async def test_errors_carry_their_payload(clients):
    """RPC-4: error URI, args and kwargs arrive unchanged."""
    callee, caller = await clients.join("ws-json"), await clients.join("rs-cbor")

    def endpoint():
        raise ApplicationError("com.example.error.broken", "text", 7, field=[1, None], why="because")

    await register(callee, "com.example.fails", endpoint)
    error = await fails(caller.call("com.example.fails"), "com.example.error.broken")
    assert (list(error.args), error.kwargs) == (["text", 7], {"field": [1, None], "why": "because"})


async def test_an_exception_of_the_callee(clients):
    """What autobahn makes of a Python exception reaches the caller."""
    callee, caller = await clients.join(), await clients.join()

    def endpoint():
        return 1 // 0

    await register(callee, "com.example.fails", endpoint)
    error = await fails(caller.call("com.example.fails"), "wamp.error.runtime_error")
    assert "division" in error.args[0]


async def test_no_such_procedure(clients):
    """RPC-3."""
    await fails((await clients.join()).call("com.example.nothing"), "wamp.error.no_such_procedure")


async def test_a_second_registration_is_refused(clients):
    """RPC-1, SHR-3: an exact single procedure has one callee, whatever the next one asks for."""
    first, second = await clients.join(), await clients.join()
    await register(first, "com.example.taken")
    taken = "wamp.error.procedure_already_exists"
    await fails(register(second, "com.example.taken"), taken)
    await fails(register(second, "com.example.taken", invoke="roundrobin"), taken)
    await fails(register(first, "com.example.taken"), taken)


async def test_unregister(clients):
    """RPC-2: gone for callers at once, and free for the next callee with a new id."""
    first, second = await clients.join(), await clients.join()
    registration = await register(first, "com.example.moves", lambda: "first")
    await within(registration.unregister())
    await fails(second.call("com.example.moves"), "wamp.error.no_such_procedure")
    again = await register(second, "com.example.moves", lambda: "second")
    assert again.id != registration.id
    assert await within(first.call("com.example.moves")) == "second"


async def test_unregister_lets_running_calls_finish(clients):
    """RPC-9: an invocation in flight still gives its result."""
    callee, caller = await clients.join(), await clients.join()
    started, finish = asyncio.Event(), asyncio.Event()

    async def endpoint():
        started.set()
        await finish.wait()
        return "done"

    registration = await register(callee, "com.example.slow", endpoint)
    call = caller.call("com.example.slow")
    await within(started.wait())
    await within(registration.unregister())
    finish.set()
    assert await within(call) == "done"


async def test_the_callee_leaves_during_a_call(clients):
    """RPC-8: the caller is told, for GOODBYE, a lost connection and `kill -9` of the process."""
    caller = await clients.join()
    for ending in ["goodbye", "drop"]:
        callee = await clients.join()
        started = asyncio.Event()

        async def endpoint():
            started.set()
            await asyncio.Event().wait()

        await register(callee, "com.example.stuck", endpoint)
        call = caller.call("com.example.stuck")
        await within(started.wait())
        callee.leave() if ending == "goodbye" else callee.drop()
        await fails(call, "wamp.error.canceled")
        await within(callee.gone)


async def test_the_reserved_namespace(clients):
    """URI-11, MTA-2: only the router registers and publishes under `wamp.`."""
    peer = await clients.join()
    await fails(register(peer, "wamp.mine"), "wamp.error.invalid_uri")
    await fails(peer.call("wamp.mine"), "wamp.error.no_such_procedure")
    await register(peer, "", lambda *args: "everything", match="prefix")
    assert await within(peer.call("com.example.any")) == "everything"
    await fails(peer.call("wamp.mine"), "wamp.error.no_such_procedure")


async def test_calls_reach_a_callee_in_order(clients):
    """ORD-2: invocations of one caller arrive in the order of its calls, across procedures."""
    callee, caller = await clients.join("rs-cbor"), await clients.join()
    seen = []
    for name in ["a", "b", "c"]:
        await register(callee, f"com.example.{name}", seen.append)
    calls = [caller.call(f"com.example.{'abc'[n % 3]}", n) for n in range(600)]
    await within(asyncio.gather(*calls))
    assert seen == list(range(600))
