"""Runs groups of checks from a staged build and writes a JSON file for each. scripts/gpu_check.sh starts this."""
import argparse
import os
import shutil
import signal
import sys
import tempfile

from groups import GROUPS
from machine import Machine, describe_machine
from report import Report, print_table


def parse_arguments():
    parser = argparse.ArgumentParser(prog="gpu_check.sh", description="Runs what needs a GPU, from a staged build.")
    parser.add_argument("groups", nargs="*", metavar="GROUP", help="of " + ", ".join(GROUPS) + " (default: all)")
    parser.add_argument("--build", default="build/gpu",
                        help="what scripts/stage_gpu_build.sh made (default: %(default)s)")
    parser.add_argument("--results", default="gpu_check_results", help="folder of the results (default: %(default)s)")
    parser.add_argument("--policy", default="fifo", help="paellad's policy (default: %(default)s)")
    parser.add_argument("--driver",
                        help="the simulated GPU's libcuda.so.1: a dry run without the groups that need more")
    arguments = parser.parse_args()
    for group in arguments.groups:
        if group not in GROUPS:
            parser.error(f"there is no group {group!r}; there are {', '.join(GROUPS)}")
    if not os.path.isdir(os.path.join(arguments.build, "bin")):
        parser.error(f"{arguments.build} has no folder bin: scripts/stage_gpu_build.sh makes it")
    if arguments.driver is not None and not os.path.exists(arguments.driver):
        parser.error(f"there is no driver {arguments.driver}")
    return arguments


def run_group(name, arguments, machine_description):
    function, needs_gpu = GROUPS[name]
    report = Report(name)
    if needs_gpu and arguments.driver is not None:
        report.skip("all", "it needs a real GPU")
        report.write(arguments.results, machine_description)
        return report
    logs = os.path.join(arguments.results, "logs", name)
    shutil.rmtree(logs, ignore_errors=True)
    os.makedirs(logs)
    with tempfile.TemporaryDirectory(prefix="gpu_check.") as folder:
        machine = Machine(arguments.build, arguments.driver, arguments.policy, folder, os.path.abspath(logs))
        try:
            with report.check("the group runs to its end"):
                function(machine, report)
            report.unsupported_calls = machine.unsupported_calls() if machine.daemon_is_alive() else []
        finally:
            machine.close()
    report.write(arguments.results, machine_description)
    return report


def main():
    arguments = parse_arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that what was started is ended
    os.makedirs(arguments.results, exist_ok=True)
    description = describe_machine(arguments.driver)
    print("machine:", description, flush=True)
    reports = [run_group(name, arguments, description) for name in GROUPS if name in (arguments.groups or GROUPS)]
    print_table(reports)
    return 1 if any(report.failed for report in reports) else 0


if __name__ == "__main__":
    sys.exit(main())
