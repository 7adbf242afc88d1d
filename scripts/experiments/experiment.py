"""What the experiments have in common: options, points that are kept as they are made, rounds in
changing order, and where results go."""
import contextlib
import importlib.util
import json
import os
import signal
import statistics
import subprocess
import sys
import time

from arrangements import ALONE, NATIVE, POLICIES

from machine import command_line, describe_machine
from report import CheckFailed

WHERE_RESULTS_GO = ("--json", "--table", "--plot", "--logs", "--limit-s")


def positive(kind):
    """A type of arguments."""
    def convert(text):
        value = kind(text)
        if not 0 < value < float("inf"):
            raise ValueError
        return value
    convert.__name__ = f"positive {kind.__name__}"
    return convert


def add_arguments(parser, arrangements=(*NATIVE, *POLICIES), rounds=5, seconds=5.0):
    parser.add_argument("--build", default="build/gpu",
                        help="build folder, staged build or prefix (default: %(default)s)")
    parser.add_argument("--driver", help="libcuda.so.1 of the simulated GPU, to try this script out")
    parser.add_argument("--arrangements", nargs="+", default=list(arrangements),
                        help="of %(default)s; any policy with its settings, in quotes")
    parser.add_argument("--rounds", type=positive(int), default=rounds, help="(default: %(default)s)")
    parser.add_argument("--seconds", type=positive(float), default=seconds,
                        help="of requests for each point (default: %(default)s)")
    parser.add_argument("--limit-s", type=float, default=float("inf"),
                        help="begin with no further arrangement after so long (default: no limit)")
    parser.add_argument("--json", metavar="FILE", help="file for every point; continued if it exists")
    parser.add_argument("--table", metavar="FILE", help="file for the printed table")
    parser.add_argument("--plot", metavar="FILE", help="file for a plot (needs matplotlib)")
    parser.add_argument("--logs", metavar="FOLDER", help="folder for the logs of paellad and clients")


def check(options):
    if options.plot and importlib.util.find_spec("matplotlib") is None:
        sys.exit("--plot needs matplotlib (Debian's python3-matplotlib)")
    if options.driver and set(options.arrangements) & set(NATIVE):
        sys.exit("natively each program has a simulated GPU of its own: choose other --arrangements")


class Points:
    """What was measured so far, kept in the file of --json after each point. A point is figures under
    a key: its arrangement and round, and what else tells it from others."""

    def __init__(self, options, script, settings):
        self._file = options.json
        self._document = {
            "machine": describe_machine(options.driver),
            "command": command_line(script, sys.argv[1:], WHERE_RESULTS_GO),
            "settings": settings,
            "reference": {},
            "points": [],
        }
        if self._file and os.path.exists(self._file):
            self._go_on()

    def _go_on(self):
        with open(self._file, encoding="utf-8") as file:
            earlier = json.load(file)
        for what in ("settings", "machine"):
            if earlier[what] != self._document[what]:
                sys.exit(f"{self._file} has points of other {what}: {earlier[what]}, "
                         f"not {self._document[what]}")
        self._document |= {key: earlier[key] for key in ("reference", "points")}

    @property
    def reference(self):
        """What native runs answered, by which others are judged. Empty until keep_reference()."""
        return self._document["reference"]

    def keep_reference(self, reference):
        self._document["reference"] = reference
        self._save()

    def add(self, figures, **key):
        self._document["points"].append(key | figures)
        self._save()

    def _save(self):
        if not self._file:
            return
        with open(self._file + ".new", "w", encoding="utf-8") as file:
            json.dump(self._document, file, indent=1)
        os.replace(self._file + ".new", self._file)

    def has(self, **key):
        return bool(self.of(**key))

    def of(self, **key):
        return [point for point in self._document["points"] if key.items() <= point.items()]

    def median(self, figure, **key):
        """None where there is no such point."""
        found = [point[figure] for point in self.of(**key) if figure in point]
        return statistics.median(found) if found else None

    def ratio(self, figure, base, **key):
        """The median of the ratios to what the arrangement `base` has in the same round, and else under the
        same key; None without any."""
        ratios = [point[figure] / other[figure] for point in self.of(**key)
                  for other in self.of(**(key | {"arrangement": base, "round": point["round"]}))]
        return statistics.median(ratios) if ratios else None

    def arrangements(self):
        """In the order of the first round."""
        return list(dict.fromkeys(point["arrangement"] for point in self._document["points"]))

    def heading(self):
        machine = ", ".join(f"{key} {value}" for key, value in self._document["machine"].items())
        versions = ", ".join(f"{key} {value}" for key, value in self.reference.get("versions", {}).items())
        return [f"{'; '.join(filter(None, (machine, versions)))}; `{self._document['command']}`", ""]


class Experiment:
    """What take_rounds() asks for."""

    def __init__(self, options, points, folder):
        self._options, self._points, self._folder = options, points, folder

    def has(self, name, number):
        """Whether all of this arrangement's round is measured."""
        return self._points.has(arrangement=name, round=number)

    def started(self, name):
        """A context: the arrangement's programs, started and ready."""
        raise NotImplementedError

    def measure(self, place, name, number):
        """`place` is what started(name) gave."""
        raise NotImplementedError


class PlacesTogether:
    """Each arrangement's programs from its first turn until all is over, or until they fail: then they end at once,
    and are not started again."""

    def __init__(self, experiment, kept):
        self._experiment, self._kept, self._places, self._failed = experiment, kept, {}, set()

    @contextlib.contextmanager
    def started(self, name):
        if name in self._failed:
            raise CheckFailed("its programs failed before")
        try:
            if name not in self._places:
                own = self._kept.enter_context(contextlib.ExitStack())
                self._places[name] = (own, own.enter_context(self._experiment.started(name)))
            yield self._places[name][1]
        except BaseException:
            self._failed.add(name)
            if name in self._places:
                self._places[name][0].__exit__(*sys.exc_info())
            raise


def turns(names, rounds):
    """Each name in each round, beginning with another one each time."""
    for number in range(rounds):
        first = number % len(names)
        yield from ((name, number) for name in names[first:] + names[:first])


def take_rounds(options, names, experiment, together=False):
    """Measures what is not measured yet. Returns how many turns could not be; the others go on."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # ends what was started
    end = time.monotonic() + options.limit_s
    failures = 0
    with contextlib.ExitStack() as kept:
        places = PlacesTogether(experiment, kept) if together else experiment
        for name, number in turns(names, options.rounds):
            if experiment.has(name, number):
                continue
            try:
                if time.monotonic() > end:
                    raise CheckFailed("not measured: --limit-s is over")
                with places.started(name) as place:
                    experiment.measure(place, name, number)
            except (CheckFailed, subprocess.SubprocessError) as error:
                print(f"{name}: {error}", file=sys.stderr)
                failures += 1
    return failures


def ratio_text(ratio, digits=2):
    """Of Points.ratio()."""
    return "-" if ratio is None else f"{ratio:.{digits}f}"


def at_least(given_up):
    """What stands before latencies where requests were given up: those had waited for so long."""
    return ">= " if given_up else ""


def draw_trade_off(points, pyplot, whole, of_what):
    """What the quick one pays for what the neighbour gets: p99 against alone, over the neighbour's rate
    as a part of whole(arrangement)."""
    p99 = points.median("p99_ms", arrangement=ALONE)
    for name in points.arrangements():
        here = points.of(arrangement=name)
        pyplot.scatter([point["neighbour_per_s"] / whole(name) for point in here],
                       [point["p99_ms"] / p99 for point in here], label=name)
    pyplot.xlabel(f"neighbour's throughput / {of_what}")
    pyplot.ylabel("p99 / alone")
    pyplot.yscale("log")


def show(options, lines, draw):
    """The table, and by draw(pyplot) the plot, where the options want them."""
    text = "\n".join(lines) + "\n"
    print(text, end="")
    if options.table:
        with open(options.table, "w", encoding="utf-8") as file:
            file.write(text)
    if options.plot:
        import matplotlib
        matplotlib.use("Agg")
        from matplotlib import pyplot
        draw(pyplot)
        pyplot.legend()
        pyplot.savefig(options.plot)
