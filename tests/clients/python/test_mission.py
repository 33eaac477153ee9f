"""The guide's examples, by the script that a reader can follow: `mission.py`."""

import asyncio
import sys
from pathlib import Path

SCRIPT = Path(__file__).with_name("mission.py")


async def test_everything_of_the_guide(router, loop):
    """The script ends well, against a router with its embedded configuration."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, SCRIPT, router.websocket, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output = (await process.communicate())[0].decode()
    assert process.returncode == 0, output
    assert output.endswith("everything of the guide holds\n"), output
