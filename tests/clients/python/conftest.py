"""The router under test, and tests that are coroutines.

By default every test gets a fresh `banyan` process with its embedded configuration, started on a free port and a
Unix socket, and stopped by SIGTERM, to which it must answer with exit code 0. `--router-url ws://HOST:PORT/ws` runs the
tests against a router that is already there instead: so one can see what another router does.
"""

import asyncio
import inspect
import os
import select
import signal
import socket
import subprocess
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import txaio

from support import Clients

ROOT = Path(__file__).resolve().parents[3]
BINARY = os.environ.get("BANYAN", str(ROOT / "target" / "lean" / "banyan"))
TEST_LIMIT = 60.0


def pytest_addoption(parser):
    parser.addoption("--router-url", help="test the router at this WebSocket URL instead of starting banyan")


@pytest.fixture(scope="session")
def loop():
    loop = asyncio.new_event_loop()
    txaio.config.loop = loop
    yield loop
    loop.close()


class Router:
    """Where a router listens. `process` is None for one that was there before, `stopped` set by a test that stops it."""

    process = None
    unix = None
    stopped = False

    def __init__(self, websocket):
        parts = urlsplit(websocket)
        self.websocket, self.host, self.port = websocket, parts.hostname, parts.port


CONFIG = """
[[realm]]
name = "realm1"
anonymous = "anonymous"
{}

[[realm.role]]
name = "anonymous"

[[realm.role.rule]]
uri = "*"
allow = ["call", "register", "subscribe", "publish"]
"""
"""The embedded configuration's realm with something changed."""


class Banyan(Router):
    """A `banyan` process of our own."""

    def __init__(self, folder, realm=None):
        super().__init__(f"ws://127.0.0.1:{free_port()}/ws")
        self.unix = str(folder / "banyan.sock")
        command = [BINARY, "--listen", f"127.0.0.1:{self.port}", "--listen", f"unix:{self.unix}"]
        if realm:
            config = folder / "banyan.toml"
            config.write_text(CONFIG.format(realm))
            command += ["--config", config]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
        self.banner = self._read_until_ready()

    def _read_until_ready(self):
        banner, deadline, output = b"", time.monotonic() + 20, self.process.stdout.fileno()
        while b"ready\n" not in banner:
            if not select.select([output], [], [], max(0, deadline - time.monotonic()))[0]:
                raise RuntimeError(f"banyan did not print 'ready'; it printed {banner!r}")
            piece = os.read(output, 4096)
            if not piece:
                raise RuntimeError(f"banyan exited with {self.process.wait()} before 'ready'; it printed {banner!r}")
            banner += piece
        return banner.decode()

    def stop(self):
        """SIGTERM; returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return "killed: it did not stop within 20 seconds of SIGTERM"
        finally:
            self.process.stdout.close()


def free_port():
    """A TCP port of the loopback interface that nobody uses right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def banyan_config(request):
    """Lines for the realm's table, by indirect parametrization; without them the configuration is the embedded one."""
    return getattr(request, "param", None)


@pytest.fixture
def router(request, tmp_path, banyan_config):
    url = request.config.getoption("--router-url")
    if url:
        if banyan_config:
            pytest.skip("not a router whose configuration we could change")
        yield Router(url)
        return
    banyan = Banyan(tmp_path, banyan_config)
    yield banyan
    if banyan.stopped:
        banyan.process.stdout.close()
        return
    if banyan.process.poll() is not None:
        pytest.fail(f"banyan died during the test with exit code {banyan.process.returncode}")
    assert banyan.stop() == 0


@pytest.fixture
def clients(router, loop):
    clients = Clients(router)
    yield clients
    loop.run_until_complete(clients.close())


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    """Runs a test that is a coroutine, on the loop of the session, within a time limit."""
    test = pyfuncitem.obj
    if not inspect.iscoroutinefunction(test):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    loop = pyfuncitem.funcargs["loop"]
    loop.run_until_complete(asyncio.wait_for(test(**arguments), TEST_LIMIT))
    return True
