"""A program that answers each line that it reads with one line of JSON, and ends with its input.

Other lines that it prints, as frameworks do, are passed over. Every wait has a bound.
"""
import json

from process import wait_until
from report import CheckFailed

END_TIMEOUT_S = 15


class AskedProcess:
    def __init__(self, machine, process):
        """`machine` bounds the waits; `process` was started by it."""
        self._machine, self._process, self._told = machine, process, 0

    def ask(self, line, timeout_s):
        self.tell(line)
        return self.answer(timeout_s)

    def tell(self, line):
        """Without waiting for the answer, which answer() gives."""
        if self._process.returncode is not None:
            raise CheckFailed("it has ended: " + self._process.describe())
        try:
            self._process.write_line(line)
        except OSError as error:
            raise CheckFailed(f"it reads no more: {error}: " + self._process.describe()) from error
        self._told += 1
        self._line = line

    def answer(self, timeout_s):
        """To what it was told last."""
        wait_until(lambda: len(self._answers()) >= self._told or self._process.returncode is not None,
                   self._machine.within_limit(timeout_s))
        answers = self._answers()
        if len(answers) < self._told:
            raise CheckFailed(f"no answer to {self._line!r}: " + self._process.describe())
        answer = json.loads(answers[self._told - 1])
        if "error" in answer:
            raise CheckFailed(f"{self._line}: {answer['error']}")
        return answer

    def close_input(self):
        self._process.close_input()

    def end(self):
        self.close_input()
        self._process.wait(self._machine.within_limit(END_TIMEOUT_S))
        self._process.kill_group()

    def _answers(self):
        return [line for line in self._process.stdout.split("\n")[:-1] if line.startswith("{")]
