"""Starts routers and drives them: what every measurement of results/ shares.

Pinning: the router has core 0, the load generator core 1, and a second load generator core 2 where there is one.
Everything runs with the repository as its working directory, so that no command holds a path of this machine.
"""

import contextlib
import gzip
import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RIVALS = ROOT / "results" / "rivals"
LONGEST_RUN = 120
"""Seconds after which a run is given up."""


class Router:
    """One router process, started on a free port and stopped at the end of the block."""

    def __init__(self, binaries, how, config=None):
        program, url, self.serializer = how
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.program = program
        self.url = url.format(f"127.0.0.1:{self.port}")
        self.command = [RIVALS / "start", program, str(self.port)]
        if program == "banyan":
            self.command = [binaries / "banyan", "--listen", f"127.0.0.1:{self.port}", "--workers", "1", "--log", "warn"]
            self.command += ["--config", config] if config else []

    def __enter__(self):
        quiet = subprocess.DEVNULL
        self.process = subprocess.Popen(pinned(0, self.command), cwd=ROOT, stdin=quiet, stdout=quiet, stderr=quiet)
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and self.process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return self
            time.sleep(0.1)
        self.__exit__()
        raise SystemExit(f"{self.program} does not listen")

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Loadgen:
    """The load generator against routers, with its outcomes kept as `raw`/NAME.json.gz."""

    def __init__(self, binaries, raw):
        self.program = binaries / "banyan-loadgen"
        self.raw = raw

    def command(self, router, name, words, label):
        """The whole command for what `words` says against `router`, and the file it writes."""
        file = self.raw / f"{name}.json"
        command = [self.program.relative_to(ROOT), *words.split(), "--url", router.url]
        command += ["--serializer", router.serializer, "--router-pid", str(router.process.pid), "--label", label]
        return [*command, "--json", file.relative_to(ROOT)], file

    def run(self, router, name, words, label):
        """Runs it to its end: the outcome, or `None` and a sentence that says what went wrong."""
        command, file = self.command(router, name, words, label)
        trouble = ""
        try:
            run = subprocess.run(pinned(1, [*command, "--quiet"]), cwd=ROOT, capture_output=True, text=True, timeout=LONGEST_RUN)
            if run.returncode:
                trouble = (run.stderr.strip().splitlines() or [""])[-1] or f"exit code {run.returncode}"
        except subprocess.TimeoutExpired:
            trouble = f"not done after {LONGEST_RUN} s"
        outcome = pack(file)
        if trouble and outcome:
            trouble = ailment(outcome) or trouble
        trouble = trouble.replace(router.url, "").removeprefix("banyan-loadgen: : ")
        return (None, trouble) if trouble or not outcome else (outcome, "")

    @contextlib.contextmanager
    def beside(self, router, name, words, label):
        """Runs it beside what the block does; the block begins once it measures, and gets a function that waits for the
        outcome."""
        command, file = self.command(router, name, words, label)
        process = subprocess.Popen(
            # On a shared core it yields to the one whose latencies are measured.
            pinned(2 if os.cpu_count() > 2 else 1, ["nice", "-n", "19", *command]), cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )

        def outcome():
            said = process.communicate(timeout=LONGEST_RUN)[1]
            found = pack(file)
            if process.returncode or not found:
                raise SystemExit(f"{name}: {said.strip().splitlines()[-1:]}")
            return found

        try:
            for line in process.stderr:
                if "measuring" in line:
                    break
            yield outcome
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
            pack(file)


def ailment(outcome):
    """What was wrong with a run that ended, as a sentence; empty if nothing was."""
    if "reason" in outcome["ending"]:
        return outcome["ending"]["reason"]
    for measure in outcome["measures"]:
        for error, count in sorted(measure["errors"].items(), key=lambda pair: -pair[1]):
            return f"{count:,} times {error}, {measure['operations']:,} good answers"
        for kind, count in measure["integrity"].items():
            if kind != "checked" and count:
                return f"{count:,} answers were {kind}"
    return ""


def pack(file):
    """Compresses what the load generator wrote and answers with it, `None` if there is nothing."""
    if not file.exists():
        return None
    text = file.read_text()
    with gzip.open(f"{file}.gz", "wt") as packed:
        packed.write(text)
    file.unlink()
    return json.loads(text)


def pictures(program, outcomes, folder):
    """Has the load generator draw its pictures of these outcomes' headlines: {the end of its name: file in `folder`}."""
    with tempfile.TemporaryDirectory() as place:
        files = []
        for number, outcome in enumerate(outcomes):
            files.append(Path(place) / f"{number}.json")
            files[-1].write_text(json.dumps({**outcome, "measures": outcome["measures"][:1]}))
        drawings = Path(place) / "svg"
        subprocess.run([program, "report", *files, "--svg", drawings], check=True, stdout=subprocess.DEVNULL)
        folder.mkdir(parents=True, exist_ok=True)
        found = {}
        for drawing in sorted(drawings.glob("*.svg")):
            kind = re.sub(r"^.*?-(as-fast-as-answers-come|at-a-set-rate)-", "", drawing.stem)
            found[kind] = drawing.read_bytes()
        return found


def circumstances(command, outcomes):
    """The lines about commit, machine and method that stand above every table."""
    machine = outcomes[0]["machine"] if outcomes else {}
    commit = output("git", "describe", "--always", "--dirty", "--abbrev=12")
    return [
        f"Banyan {commit}, `{command}`, {os.cpu_count()} cores of {machine.get('cpu')}, "
        f"{machine.get('memory', 0) / 2**30:.0f} GiB, {machine.get('kernel')}, {output('rustc', '--version')}.",
        "Loopback, pinned: the router with one worker on core 0, the load generator on core 1.",
    ]


def pinned(core, command):
    """The command on one core, where the machine has another one left for the other side."""
    if os.cpu_count() > 1 and shutil.which("taskset"):
        return ["taskset", "-c", str(core), *command]
    return command


def output(*command):
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout.strip()
