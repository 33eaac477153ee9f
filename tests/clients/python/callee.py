"""A callee in a process of its own, to be killed by a test.

    python callee.py URL INVOKE MATCH PROCEDURE...

Prints one line, its session id and the registration ids in the order of the procedures, then serves until it dies.
"""

import asyncio
import os
import sys
from types import SimpleNamespace
from urllib.parse import urlsplit

import txaio

from support import open_peer, register


async def serve(url, invoke, match, procedures):
    parts = urlsplit(url)
    router = SimpleNamespace(websocket=url, host=parts.hostname, port=parts.port)
    peer = await open_peer(router)
    ids = [(await register(peer, name, os.getpid, invoke=invoke, match=match)).id for name in procedures]
    print(peer.id, *ids, flush=True)
    await peer.gone


if __name__ == "__main__":
    txaio.config.loop = loop = asyncio.new_event_loop()
    loop.run_until_complete(serve(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]))
