"""Every group of checks by name, in the order in which they run."""
import groups_of_faults
import groups_of_programs
import groups_of_speed
import groups_of_text

# name: (function of machine and report, whether it needs a real GPU)
GROUPS = {
    "examples": (groups_of_programs.examples, False),
    "cudart": (groups_of_programs.cudart, True),
    "virtual-memory": (groups_of_programs.virtual_memory, False),
    "graphs": (groups_of_programs.graphs, False),
    "arrays": (groups_of_programs.arrays, False),
    "sharing": (groups_of_programs.sharing, False),
    "printing": (groups_of_text.printing, False),
    "linker": (groups_of_text.linker, False),
    "torch": (groups_of_programs.torch, True),
    "bad-calls": (groups_of_programs.bad_calls, False),
    "processes": (groups_of_faults.processes, False),
    "faults": (groups_of_faults.faults, False),
    "benchmark": (groups_of_speed.benchmark, False),
}
