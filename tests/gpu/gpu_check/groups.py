"""Every group of checks by name, in the order in which they run."""
import groups_of_faults
import groups_of_programs
import groups_of_speed
import groups_of_text

# name: (function of machine and report, whether it needs a real GPU, whether it only informs)
GROUPS = {
    "examples": (groups_of_programs.examples, False, False),
    "cudart": (groups_of_programs.cudart, True, False),
    "virtual-memory": (groups_of_programs.virtual_memory, False, False),
    "graphs": (groups_of_programs.graphs, False, False),
    "arrays": (groups_of_programs.arrays, False, False),
    "sharing": (groups_of_programs.sharing, False, False),
    "printing": (groups_of_text.printing, False, False),
    "linker": (groups_of_text.linker, False, False),
    "torch": (groups_of_programs.torch, True, False),
    "bad-calls": (groups_of_programs.bad_calls, False, False),
    "processes": (groups_of_faults.processes, False, False),
    "faults": (groups_of_faults.faults, False, False),
    "benchmark": (groups_of_speed.benchmark, False, False),
    "frameworks": (groups_of_programs.frameworks, True, True),
}
