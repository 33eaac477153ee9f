"""Progressive results, cancel and timeout with autobahn-python."""

import asyncio

from autobahn.wamp.types import CallOptions

from support import fails, register, within


async def test_progressive_results(clients):
    """PRG-1, PRG-4: interim results in order, then the final one."""
    callee, caller = await clients.join("ws-json"), await clients.join("rs-msgpack")

    async def endpoint(count, details):
        for number in range(count):
            details.progress(number, half=number / 2)
        return "final"

    await register(callee, "com.example.count", endpoint, details_arg="details")
    seen = []
    options = CallOptions(on_progress=lambda number, half: seen.append((number, half)))
    assert await within(caller.call("com.example.count", 100, options=options)) == "final"
    assert seen == [(number, number / 2) for number in range(100)]


async def test_progress_nobody_asked_for(clients):
    """PRG-1: without `receive_progress` the callee is not offered a way to send progress."""
    callee, caller = await clients.join(), await clients.join()
    await register(callee, "com.example.plain", lambda details: details.progress is None, details_arg="details")
    assert await within(caller.call("com.example.plain")) is True


async def stuck(callee, procedure):
    """Registers a procedure that never answers; returns events for `called` and `canceled`."""
    called, canceled = asyncio.Event(), asyncio.Event()

    async def endpoint():
        called.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            canceled.set()
            raise

    await register(callee, procedure, endpoint)
    return called, canceled


async def test_cancel_interrupts_the_callee(clients):
    """CAN-1, CAN-4: CANCEL without a mode is killnowait: the callee is interrupted, both sessions live on."""
    callee, caller = await clients.join(), await clients.join("rs-cbor")
    called, canceled = await stuck(callee, "com.example.stuck")
    call = caller.call("com.example.stuck")
    await within(called.wait())
    call.cancel()
    await within(canceled.wait())
    await register(callee, "com.example.alive", lambda: "yes")
    assert await within(caller.call("com.example.alive")) == "yes"


async def test_timeout_ends_the_call(clients):
    """TMO-1, TMO-4: after its timeout in milliseconds the call fails, and the callee is interrupted."""
    callee, caller = await clients.join(), await clients.join()
    called, canceled = await stuck(callee, "com.example.stuck")
    await fails(caller.call("com.example.stuck", options=CallOptions(timeout=100)), "wamp.error.timeout")
    assert called.is_set()
    await within(canceled.wait())
    await register(callee, "com.example.alive", lambda: "yes")
    assert await within(caller.call("com.example.alive", options=CallOptions(timeout=10000))) == "yes"


async def test_a_caller_that_leaves_interrupts_its_call(clients):
    """RPC-7: nobody waits for that answer any more."""
    callee, caller = await clients.join(), await clients.join()
    called, canceled = await stuck(callee, "com.example.stuck")
    asyncio.ensure_future(caller.call("com.example.stuck")).add_done_callback(lambda call: call.exception())
    await within(called.wait())
    caller.drop()
    await within(canceled.wait())
