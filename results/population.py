"""Banyan alone with a million registrations: the meta API, matching, calls beside it. Each figure stands beside its target.

A round takes every figure once, each on a router of its own with one worker and a configuration that differs from the
embedded one by longer queues only. What needs a population while calls run has a second load generator hold it.
"""

import datetime
import re
import statistics
import tempfile
from pathlib import Path

from comparison import faults, median, quantile, rate_of
from harness import ROOT, Loadgen, Router, circumstances

BANYAN = ("banyan", "tcp://{}", "msgpack")
QUEUE_BYTES = 256 << 20
"""So that an observer may be a million events behind without being dropped."""

CALL = "call --callers 32 --callees 8 --pipeline 64 --payload 256 --duration 10s"
REGISTER = "register --registrations 1000000 --sessions 100"
SMALL = "--exact 800 --prefix 100 --wildcard 100"
LARGE = "--exact 1000000 --prefix 100000 --wildcard 100000 --sessions 100"
HOLD = "match --procedure count --callers 1 --pipeline 1 --rate 1 --warmup 0s --duration 60s --sessions 100"
PATTERNS = f"{HOLD} --exact 0 --prefix 500000 --wildcard 500000"
HOLD_EXACT = f"{HOLD} --exact 1000000"
LIST = f"{HOLD_EXACT} --progressive".replace("count", "list").replace("60s", "20s")
DEATH = "register --registrations 100000 --sessions 1 --observer 1 --end drop --rate 20000"

FULL_SPEED = ["register", "register-observed", "match-small", "match-large", "lookup-small", "lookup-large", "call", "call-patterns"]
"""Of what is measured, by name, that which asks for all that the router gives."""

DRIVEN = {
    "calls; half load is half of the median with nothing else registered": CALL,
    "registrations": f"{REGISTER} [--observer 1]",
    "1,000 registrations": f"match --procedure match|lookup {SMALL} --duration 5s",
    "1,200,000 registrations": f"match --procedure match|lookup {LARGE} --duration 5s",
    "holding patterns": PATTERNS,
    "holding registrations": HOLD_EXACT,
    "listing them": LIST,
    "death of a session": DEATH,
}


class Population:
    def __init__(self, options, binaries, folder):
        self.rounds = options.rounds or (3 if options.full else 1)
        self.binaries, self.folder = binaries, folder
        self.loadgen = Loadgen(binaries, folder / "raw")
        self.config = None
        self.found = {}

    def run(self):
        with tempfile.TemporaryDirectory() as place:
            self.config = Path(place) / "banyan.toml"
            embedded = (ROOT / "src" / "config" / "default.toml").read_text()
            self.config.write_text(re.sub(r"(?m)^queue_bytes = .*$", f"queue_bytes = {QUEUE_BYTES}", embedded))
            for number in range(1, self.rounds + 1):
                print(f"round {number} of {self.rounds}", flush=True)
                self.round(number)

    def round(self, number):
        self.alone(number, "register", REGISTER)
        self.alone(number, "register-observed", f"{REGISTER} --observer 1")
        for procedure in ("match", "lookup"):
            for size, population in (("small", SMALL), ("large", LARGE)):
                self.alone(number, f"{procedure}-{size}", f"match --procedure {procedure} {population} --duration 5s")
        self.alone(number, "call", CALL)
        self.beside(number, "call-patterns", CALL, "patterns", PATTERNS)
        half = f"{CALL} --rate {round(median(self.found['call'], rate_of) / 2)}"
        self.alone(number, "half", half)
        self.beside(number, "half-death", half, "death", DEATH, to_its_end=True)
        if not died_meanwhile(self.found["death"][-1], self.found["half-death"][-1]):
            raise SystemExit("the session did not die while calls ran: nothing was measured")
        self.beside(number, "half-held", half, "held", HOLD_EXACT)
        self.beside(number, "half-list", half, "list", LIST, to_its_end=True)

    def alone(self, number, name, words):
        with Router(self.binaries, BANYAN, self.config) as router:
            self.measure(number, router, name, words)

    def beside(self, number, name, words, other, others_words, to_its_end=False):
        """Measures `words` while another load generator does something; keeps its outcome too if it has an end."""
        with Router(self.binaries, BANYAN, self.config) as router:
            with self.loadgen.beside(router, f"{other}-{number}", others_words, other) as outcome:
                self.measure(number, router, name, words)
                if to_its_end:
                    self.found.setdefault(other, []).append(outcome())

    def measure(self, number, router, name, words):
        outcome, trouble = self.loadgen.run(router, f"{name}-{number}", words, name)
        print(f"  {name}: {trouble or 'done'}", flush=True)
        if not outcome:
            raise SystemExit(f"{name}: {trouble}")
        self.found.setdefault(name, []).append(outcome)

    def report(self, command):
        outcomes = [outcome for runs in self.found.values() for outcome in runs]
        method = [
            "Where calls run beside something else, a second load generator does that; on a machine of two cores it shares",
            "core 1 at the lowest priority, and what it costs is in the latencies. Medians of the rounds; configuration: the",
            "embedded one with longer queues.",
        ]
        lines = [*circumstances(command, outcomes), *method, ""]
        lines += ["| what | figure | target | met |", "|---|---:|---:|---|", *self.rows()]
        full = list(full_generators(self.found))
        lines += ["", *full] if full else []
        driven = [f"- {name}: `{words}`" for name, words in DRIVEN.items()]
        page = [f"# {self.folder.name}", "", *lines, "", f"Rounds: {self.rounds}. What the load generator was told:", "", *driven]
        (self.folder / "README.md").write_text("\n".join(page) + "\n")
        return lines

    def rows(self):
        rate = {name: median(runs, rate_of) for name, runs in self.found.items()}
        cost = {name: median(runs, lambda measure: measure["router"]["cpu_us_per_op"]) for name, runs in self.found.items()}
        p99 = {name: quantile(runs, "p99") / 1e3 for name, runs in self.found.items()}
        observed = self.found["register-observed"] + self.found["death"]
        wrong = sum(faults(measure) for run in observed for measure in run["measures"])
        drops = [next(m for m in run["measures"] if m["name"] == "drop") for run in self.found["death"]]
        worst = statistics.median(worst_second(run) for run in self.found["half-death"])
        return [
            row("1,000,000 registrations by 100 sessions, no observer: /s", rate["register"], ",.0f"),
            row("— CPU-µs each", cost["register"], ".2f"),
            row("with one observer of all four topics: /s", rate["register-observed"], ",.0f", least=700_000),
            row("— CPU-µs each", cost["register-observed"], ".2f", most=1.4),
            row("— rate to that without observer", rate["register-observed"] / rate["register"], ".0%", least=0.7),
            row("— events and answers lost, wrong or out of order, there and at the death below", wrong, ",.0f", most=0),
            *self.growth("match", cost, most=2.0),
            *self.growth("lookup", cost),
            row("32x8 calls, nothing else registered: /s", rate["call"], ",.0f"),
            row("— with 1,000,000 patterns: /s", rate["call-patterns"], ",.0f"),
            row("— ratio", rate["call-patterns"] / rate["call"], ".0%", least=0.9),
            row("— ratio of CPU per call, without to with", cost["call"] / cost["call-patterns"], ".0%", least=0.9),
            row("calls at half load, p99 in ms", p99["half"], ".2f"),
            row("— while a session comes with 100,000 registrations and dies", p99["half-death"], ".2f", most=10),
            row("— in the worst second", worst, ".2f", most=10),
            row("— from its death to the last event, in ms", statistics.median(drop["duration_s"] for drop in drops) * 1e3, ",.0f"),
            row("— with 1,000,000 registrations held", p99["half-held"], ".2f"),
            row("— and listed once a second, progressively", p99["half-list"], ".2f"),
            row("— p99 more than when held only", p99["half-list"] - p99["half-held"], ".2f", most=5),
            row("— a whole list, median in ms", quantile(self.found["list"], "p50") / 1e3, ",.0f"),
        ]

    @staticmethod
    def growth(procedure, cost, most=None):
        small, large = cost[f"{procedure}-small"], cost[f"{procedure}-large"]
        return [
            row(f"`{procedure}` at 1,000 registrations: CPU-µs each", small, ".2f"),
            row("— at 1,000,000 exact, 100,000 prefix, 100,000 wildcard", large, ".2f", most=most),
            row("— ratio", large / small, ".2f", most=1.5),
        ]


def row(what, figure, how, least=None, most=None):
    """A line of the table; the target is a lower or an upper bound, or there is none."""
    bound = least if most is None else most
    if bound is None:
        return f"| {what} | {format(figure, how)} | | |"
    met = figure <= bound if most is not None else figure >= bound
    return f"| {what} | {format(figure, how)} | {'≥' if most is None else '≤'} {format(bound, how)} | {'yes' if met else '**no**'} |"


def full_generators(found):
    """A sentence for each measurement at full speed in which the load generator's own core was full."""
    for name in FULL_SPEED:
        full = sum(run["measures"][0]["generator"]["verdict"]["kind"] == "bottleneck" for run in found[name])
        if full:
            yield f"In {full} of {len(found[name])} runs of {name} the load generator's core was full: the rate there is its own."


def died_meanwhile(death, calls):
    """Whether the session of `death` ended within the measured time of `calls`."""
    began, died = (datetime.datetime.fromisoformat(run["started"].replace("Z", "+00:00")) for run in (calls, death))
    died += datetime.timedelta(seconds=death["measures"][0]["duration_s"])
    return began < died < began + datetime.timedelta(seconds=calls["measures"][0]["duration_s"])


def worst_second(outcome):
    """The highest p99 of a second after the warm-up, in milliseconds."""
    return max(second["p99_ns"] for second in outcome["measures"][0]["series"] if second["at_s"] >= 0) / 1e6
