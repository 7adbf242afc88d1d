"""The asking side of the experiments' programs (answering.py): starts them, checks what they answer,
and gives them requests that arrive at moments fixed beforehand."""
import dataclasses
import itertools
import json
import os
import random
import shlex
import statistics
import sys
import time

from experiment import positive

from report import expect
from request_loop import gaps, percentile

HERE = os.path.dirname(os.path.abspath(__file__))
SERVED_MODEL = os.path.join(HERE, "served_model.py")
PREPARE_TIMEOUT_S = 180  # PyTorch, a model and its graph, beside seven others on few cores
ALONE_TIMEOUT_S = 60
ANSWER_TIMEOUT_S = 60  # beyond what the question itself takes
LEAD_S = 0.5  # from telling a program until arrivals begin: it reads a file of some thousand numbers


def add_arguments(parser):
    parser.add_argument("--grace-s", type=positive(float), default=3,
                        help="after the last arrival, for requests that wait; those that have not begun "
                             "then are given up (default: %(default)s)")
    parser.add_argument("--together", action="store_true",
                        help="start each arrangement once and keep it, idle while others have their turn: more "
                             "rounds for the time")
    parser.add_argument("--seed", type=int, default=1, help="of arrivals (default: %(default)s)")
    parser.add_argument("--server", default=SERVED_MODEL, metavar="FILE",
                        help="the Python program that serves a model (default: served_model.py)")


def add_latency_arguments(parser):
    """Of a program that wants to be quick."""
    parser.add_argument("--model", default="resnet50", help="that is served (default: %(default)s)")
    parser.add_argument("--rate", type=positive(float), default=200,
                        help="requests/s (default: %(default)s)")


def now():
    """The clock of answering.py."""
    return time.perf_counter()


def poisson_arrivals(rate, seconds, seed):
    """Seconds from the start."""
    generator = random.Random(seed)
    times = itertools.accumulate(generator.expovariate(rate) for _ in itertools.count())
    return list(itertools.takewhile(lambda moment: moment < seconds, times))


def mixed_arrivals(rate, sigma, seconds, seed, shares):
    """One lognormal stream of arrivals, each of which goes to one of the shares' names at random:
    seconds from the start, for each name. It is stretched so that exactly rate * seconds come: with
    sigma 2, the sum of some thousand times between arrivals is often a tenth off its mean."""
    count = round(rate * seconds)
    times = list(itertools.accumulate(itertools.islice(gaps(rate, sigma, seed), count + 1)))
    names = random.Random(seed).choices(list(shares), list(shares.values()), k=count)
    arrivals = {name: [] for name in shares}
    for name, moment in zip(names, times):
        arrivals[name].append(moment * seconds / times[-1])
    return arrivals


@dataclasses.dataclass
class Served:
    """Of one stream of requests; `unserved` at the end were not begun when their time was over, and
    their latencies are what they had waited by then."""
    arrivals: list
    latencies: list
    unserved: int


def figures(served, seconds):
    """Of all these streams together."""
    latencies = [latency for stream in served for latency in stream.latencies]
    expect(latencies, "nothing arrived")
    done = sum(arrival + latency < seconds for stream in served
               for arrival, latency in list(zip(stream.arrivals, stream.latencies))
               [:len(stream.arrivals) - stream.unserved])
    return {"requests": len(latencies), "unserved": sum(stream.unserved for stream in served),
            "done_per_s": done / seconds, "mean_ms": statistics.fmean(latencies) * 1e3,
            "p50_ms": percentile(latencies, 0.5) * 1e3, "p99_ms": percentile(latencies, 0.99) * 1e3}


class Program:
    """One of the programs, started. `tenant` is a name that no other program of this arrangement has."""

    def __init__(self, arrangement, words, tenant, urgency="normal"):
        self._arrangement, self.tenant = arrangement, tenant
        self._asked = arrangement.start_asked([sys.executable, *words], tenant, urgency)

    def tell(self, *words):
        self._asked.tell(shlex.join(map(str, words)))

    def answer(self, timeout_s):
        return self._asked.answer(timeout_s)

    def ask(self, *words, timeout_s):
        self.tell(*words)
        return self.answer(timeout_s)

    def prepared(self):
        """Its answer to `prepare`."""
        answer = self.answer(PREPARE_TIMEOUT_S)
        self._arrangement.expect_client(self.tenant)
        return answer

    def expect_native(self, fingerprint, reference):
        expect(fingerprint == reference,
               f"{self.tenant}: the answer is {fingerprint}, natively {reference}")

    def close_input(self):
        self._asked.close_input()

    def end(self):
        self._asked.end()


class Server(Program):
    def tell_to_serve(self, arrivals, start, give_up):
        """`start` and `give_up`: moments of now()."""
        self._arrivals, self._give_up = arrivals, give_up
        self._latencies_file = self._arrangement.place.file(self.tenant + ".latencies")
        arrivals_file = self._arrangement.place.file(self.tenant + ".arrivals")
        with open(arrivals_file, "w", encoding="utf-8") as file:
            json.dump(arrivals, file)
        self.tell("serve", arrivals_file, self._latencies_file, start, give_up)

    def served(self):
        answer = self.answer(max(0.0, self._give_up - now()) + ANSWER_TIMEOUT_S)
        expect(answer["wrong"] == 0, f"{self.tenant}: {answer['wrong']} wrong answers")
        with open(self._latencies_file, encoding="utf-8") as file:
            return Served(self._arrivals, json.load(file), answer["unserved"])


def prepare(programs, reference=None):
    """All at once. Returns their answers by tenant; with a reference, they are compared with it."""
    for program in programs:
        program.tell("prepare")
    answers = {program.tenant: program.prepared() for program in programs}
    for program in programs if reference is not None else ():
        program.expect_native(answers[program.tenant]["fingerprint"], reference[program.tenant])
    return answers


def end(programs):
    """As they end by themselves, all at once. Programs that failed are left to arranged()."""
    for program in programs:
        program.close_input()
    for program in programs:
        program.end()
