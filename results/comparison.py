"""Banyan beside other routers, a router at a time, in interleaved rounds.

First every router is driven as fast as answers come; then at half of its own median rate, open loop, so that a latency
counts from when a call was due. Each router is started anew for each run. What failed in the first round is not tried again.
"""

import os
import re
import shutil
import statistics

from harness import RIVALS, Loadgen, Router, circumstances, output, pictures

ROUTERS = {
    "banyan": ("banyan", "tcp://{}", "msgpack"),
    "banyan, ws msgpack": ("banyan", "ws://{}/ws", "msgpack"),
    "banyan, ws json": ("banyan", "ws://{}/ws", "json"),
    "crossbar": ("crossbar", "tcp://{}", "msgpack"),
    "crossbar, ws json": ("crossbar", "ws://{}/ws", "json"),
    "battler, ws json": ("battler", "ws://{}/", "json"),
    "wampire, ws msgpack": ("wampire", "ws://{}/ws/", "msgpack"),
    "fox-wamp, ws json": ("fox-wamp", "ws://{}/", "json"),
    "wamp-server, ws json": ("wamp-server", "ws://{}/", "json"),
    "wamp.rt, ws json": ("wamp.rt", "ws://{}/", "json"),
    "nats-server": ("nats", "nats://{}", "msgpack"),
}
"""Name in the tables: the program, its URL, and the serializer; RawSocket and MessagePack where a router has them. NATS, a
measure from another world, has no serializer: there the flag has no say."""

META = {"banyan", "crossbar"}
"""Who has the registration meta API."""

SCENARIOS = {
    "call": "call --callers 32 --callees 8 --pipeline 64 --payload 256 --duration {seconds}s",
    "call-one": "call --callers 1 --callees 1 --pipeline 1 --payload 16 --duration {seconds}s",
    "register": "register --registrations {registrations} --sessions 10",
    "register-observed": "register --registrations {registrations} --sessions 10 --observer 1",
    "match": "match --exact 1000 --procedure match --duration {seconds}s",
    "pubsub": "pubsub --publishers 1 --subscribers 100 --payload 256 --duration {seconds}s",
    "connect": "connect --sessions {sessions} --hold 0s",
}
NEEDS_META = {"register-observed", "match"}
PLAIN = {"call", "call-one", "pubsub"}
"""What NATS can carry."""
FANOUT = {"pubsub": 100}
"""Operations that one unit of `--rate` makes, where that is not one: a publication reaches all subscribers."""
MORE_REGISTRATIONS = 20
"""Banyan gets that many times the registrations: with fewer it is done before the kernel's CPU clock has ticked often."""
RELAY = ["--bench", "200000", "3"]
"""Arguments of the bench that has the bare relay: calls, rounds."""

QUICK = {"rounds": 1, "half_rounds": 1, "seconds": 1, "registrations": 5_000, "sessions": 500}
QUICK_SCENARIOS = ["call", "register-observed", "match", "pubsub"]
FULL = {"rounds": 5, "half_rounds": 2, "seconds": 5, "registrations": 20_000, "sessions": 1_000}

HEAD = ["router", "op/s", "CPU-µs/op", "half load: p50", "p99", "p99.9", "memory", "errors", "runs", "spread"]
BEST = [max, min, min, min, min, min]
"""Which of the first figures of a row is the best of its column."""


class Comparison:
    def __init__(self, options, binaries, folder):
        self.form = dict(FULL if options.full else QUICK)
        self.form["rounds"] = options.rounds or self.form["rounds"]
        self.binaries, self.folder = binaries, folder
        self.routers = options.router or [name for name in ROUTERS if is_installed(ROUTERS[name][0])]
        self.scenarios = options.scenario or (list(SCENARIOS) if options.full else QUICK_SCENARIOS)
        self.loadgen = Loadgen(binaries, folder / "raw")
        self.build = not options.no_build
        self.relay = None
        self.tried, self.full, self.half, self.troubles = {}, {}, {}, {}

    def run(self):
        self.rounds("round", self.form["rounds"], self.at_full_speed)
        self.rounds("half load", self.form["half_rounds"], self.at_half_load)
        if "call" in self.scenarios:
            self.relay = self.measure_relay()

    def rounds(self, what, rounds, measure):
        for number in range(1, rounds + 1):
            for name in self.routers:
                print(f"{what} {number} of {rounds}: {name}", flush=True)
                for scenario in self.scenarios:
                    if can(ROUTERS[name][0], scenario):
                        measure(number, name, scenario)

    def at_full_speed(self, number, name, scenario):
        if (scenario, name) in self.troubles and (scenario, name) not in self.full:
            return
        self.tried[scenario, name] = number
        self.measure(self.full, name, scenario, f"{scenario}-{slug(name)}-{number}", "")

    def at_half_load(self, number, name, scenario):
        if runs := self.full.get((scenario, name)):
            rate = max(1, round(median(runs, rate_of) / 2 / FANOUT.get(scenario, 1)))
            self.measure(self.half, name, scenario, f"{scenario}-half-{slug(name)}-{number}", f" --rate {rate}")

    def measure(self, found, name, scenario, file, more):
        with Router(self.binaries, ROUTERS[name]) as router:
            words = self.words(scenario, ROUTERS[name][0]) + more
            outcome, trouble = self.loadgen.run(router, file, words, name)
        if outcome and not outcome["measures"][0]["operations"]:
            outcome, trouble = None, "nothing was answered"
        print(f"  {scenario}: {trouble or 'done'}", flush=True)
        if outcome:
            found.setdefault((scenario, name), []).append(outcome)
        else:
            self.troubles[scenario, name] = trouble

    def words(self, scenario, program=None):
        form = dict(self.form)
        if program == "banyan":
            form["registrations"] *= MORE_REGISTRATIONS
        return SCENARIOS[scenario].format(**form)

    def measure_relay(self):
        """CPU-µs per call of the bare relay and of Banyan in one bench, `None` where that is not built."""
        command = ["cargo", "bench", "--quiet", "--bench", "relay", "--", *RELAY]
        if not self.build:
            files = (self.binaries / "deps").glob("relay-*")
            built = [file for file in files if not file.suffix and os.access(file, os.X_OK)]
            if not built:
                return None
            command = [max(built, key=lambda file: file.stat().st_mtime), *RELAY]
        print("the bare relay", flush=True)
        said = output(*command)
        (self.folder / "raw" / "relay.txt").write_text(said + "\n")
        found = re.search(r"median: relay ([\d.]+) us, router ([\d.]+) us", said)
        return tuple(float(figure) for figure in found.groups()) if found else None

    def report(self, command):
        outcomes = [outcome for runs in self.full.values() for outcome in runs]
        lines = [*circumstances(command, outcomes), *self.method(), ""]
        tables = {scenario: self.table(scenario) for scenario in self.scenarios}
        page = [f"# {self.folder.name}", "", *lines, *self.versions(), ""]
        for scenario, table in tables.items():
            more = f", for Banyan with {MORE_REGISTRATIONS} times the registrations" if "register" in scenario else ""
            page += [f"## {scenario}", "", f"`banyan-loadgen {self.words(scenario)}`{more}", "", *table, ""]
            page += [f"![{what}]({file})\n" for what, file in self.draw(scenario)]
        (self.folder / "README.md").write_text("\n".join(page).rstrip() + "\n")
        short = [line for scenario, table in tables.items() for line in (f"### {scenario}", "", *table, "")]
        return [*lines, *short]

    def method(self):
        return [
            "Medians of the runs at full speed, spread from the slowest to the fastest of them; latencies in µs from an open-loop",
            "run at half of that router's own median rate. CPU is the router's, in µs per operation; memory its resident size at",
            "the end, in MiB. **Bold** is the best of a column among the routers; † says that the load generator's core was full or",
            "late in some run at half load, so that latencies are partly its own.",
        ]

    def table(self, scenario):
        names = [name for name in self.routers if (scenario, name) in self.tried]
        rows = {name: self.figures(scenario, name) for name in names}
        columns = zip(*(figures for figures in rows.values() if figures))
        best = [pick((figure for figure in column if figure is not None), default=None) for pick, column in zip(BEST, columns)]
        lines = [f"| {' | '.join(HEAD)} |", "|---|" + "---:|" * (len(HEAD) - 1)]
        for name, figures in rows.items():
            lines.append(self.row(scenario, name, figures, best) if figures else self.failure(scenario, name))
        if scenario == "call" and self.relay:
            lines.append(f"| *bare relay, no routing* | | *{self.relay[0]:.2f}* |" + " |" * (len(HEAD) - 3))
            relay, banyan = self.relay
            bench = f"`cargo bench --bench relay -- {' '.join(RELAY)}`"
            lines += ["", f"The bare relay and Banyan in one bench with a driver of its own, {bench}:"]
            lines += [f"{relay:.2f} and {banyan:.2f} CPU-µs per call, ratio {banyan / relay:.2f}."]
        for name in names:
            if rows[name] and (scenario, name) in self.troubles:
                lines += ["", f"{name} failed in one of the runs: {self.troubles[scenario, name]}."]
        return lines

    def figures(self, scenario, name):
        """op/s, CPU-µs, p50, p99, p99.9 in µs, memory in MiB; `None` without a run."""
        full, half = self.full.get((scenario, name)), self.half.get((scenario, name))
        if not full:
            return None
        quantiles = [quantile(half, label) if half else None for label in ("p50", "p99", "p99.9")]
        cpu = median(full, lambda measure: measure["router"]["cpu_us_per_op"])
        return [median(full, rate_of), cpu, *quantiles, median(full, lambda measure: measure["router"]["rss_after"]) / 2**20]

    def row(self, scenario, name, figures, best):
        full, half = self.full[scenario, name], self.half.get((scenario, name), [])
        formats = [",.0f", ",.2f", ",.0f", ",.0f", ",.0f", ",.0f"]
        texts = ["–" if figure is None else format(figure, how) for figure, how in zip(figures, formats)]
        winners = [figure is not None and figure == top for figure, top in zip(figures, best)]
        cells = [f"**{text}**" if winner else text for text, winner in zip(texts, winners)]
        if any(run["measures"][0]["generator"]["verdict"]["kind"] == "bottleneck" for run in half):
            cells[2] += " †"
        rates = [rate_of(run["measures"][0]) for run in full]
        spread = f"{(max(rates) - min(rates)) / statistics.median(rates):.0%}" if len(rates) > 1 else "–"
        errors = sum(faults(measure) for run in full + half for measure in run["measures"])
        cells += [f"{errors:,}", f"{len(full)} of {self.tried[scenario, name]}", spread]
        return f"| {name} | {' | '.join(cells)} |"

    def failure(self, scenario, name):
        return f"| {name} | failed: {self.troubles[scenario, name]} |{' |' * (len(HEAD) - 4)} 0 of {self.tried[scenario, name]} | |"

    def draw(self, scenario):
        """Draws the scenario; what each picture shows, and its file from the folder on."""
        folder, shown = self.folder / "pictures", []
        for runs, kinds in ((self.full, {"rate": "Operations per second", "cpu": "Router CPU per operation"}), (self.half, {})):
            outcomes = [outcome for name in self.routers for outcome in runs.get((scenario, name), [])]
            drawn = pictures(self.binaries / "banyan-loadgen", outcomes, folder) if outcomes else {}
            if runs is self.half:
                kinds = {kind: "Latency by percentile at half load" for kind in drawn if kind.startswith("percentiles")}
            for kind, what in kinds.items():
                if kind in drawn:
                    (folder / f"{scenario}-{kind}.svg").write_bytes(drawn[kind])
                    shown.append((f"{scenario}: {what}", f"pictures/{scenario}-{kind}.svg"))
        return shown

    def versions(self):
        """What was measured, from the table of the rivals that are installed."""
        known = dict(re.findall(r"^\| `([\w.-]+)` \| ([^|]+) \|", (RIVALS / "README.md").read_text(), re.M))
        programs = dict.fromkeys(ROUTERS[name][0] for name in self.routers)
        return ["Versions: " + ", ".join(f"{program} {known[program].strip()}" for program in programs if program in known) + "."]


def is_installed(program):
    if program == "nats":
        return shutil.which("nats-server") is not None
    return program == "banyan" or (RIVALS / "installed" / program).exists()


def can(program, scenario):
    """Whether the program has what the scenario is about."""
    if program == "nats":
        return scenario in PLAIN
    return scenario not in NEEDS_META or program in META


def rate_of(measure):
    return measure["rate"]["achieved"]


def median(outcomes, of):
    return statistics.median(of(outcome["measures"][0]) for outcome in outcomes)


def quantile(outcomes, label):
    """The median of a quantile of latency, in microseconds."""
    return median(outcomes, lambda measure: measure["latency"]["quantiles_ns"][label]) / 1e3


def faults(measure):
    """Errors, timeouts among them, and answers that were wrong, lost, doubled or out of order."""
    broken = sum(count for kind, count in measure["integrity"].items() if kind != "checked")
    return sum(measure["errors"].values()) + broken


def slug(name):
    return name.replace(", ", "-").replace(" ", "-")
