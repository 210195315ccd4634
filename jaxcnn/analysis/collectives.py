"""A compiled program's communication with other devices and with the host, read from its text (XLA's HLO)."""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator

from jax.stages import Compiled

COLLECTIVES = ("all-reduce", "all-gather", "reduce-scatter", "all-to-all", "collective-permute")

BITS = {"pred": 8, "bf16": 16, "c64": 64, "c128": 128}  # other types: the number in the name

_INSTRUCTION = re.compile(rf" = (?P<shape>.*?) (?P<kind>{'|'.join(COLLECTIVES)})(?P<start>-start)?\(")
_ARRAY = re.compile(r"\b(?P<type>pred|[a-z]+\d+\w*)\[(?P<sizes>[\d,]*)\]")
_COMPUTATION = re.compile(r"^(?P<entry>ENTRY )?%?(?P<name>[\w.\-]+) .*\{$")
_CALLED = re.compile(r"\b(?:to_apply|calls|body|condition|true_computation|false_computation)=%?(?P<name>[\w.\-]+)")
_BRANCHES = re.compile(r"\bbranch_computations=\{(?P<names>[^}]*)\}")
_TRIPS = re.compile(r'"known_trip_count":\{"n":"(?P<count>\d+)"\}')
_HOST = re.compile(r" (?P<kind>infeed|outfeed|send|recv)\(|custom_call_target=\"(?P<target>[^\"]*callback[^\"]*)\"")


def collectives(program: str) -> dict[str, dict[str, int]]:
    """Maps each kind of communication to its {"count", "bytes"} in one call of the program, on one device.

    Bytes are those of the results: the sum of an all-reduce, or what each device holds after an all-gather. An
    instruction in a loop counts once for each iteration if the compiler knows their number, otherwise once.
    """
    times = repetitions(program)
    found: dict[str, dict[str, int]] = {}
    for computation, line in instructions(program):
        match = _INSTRUCTION.search(line)
        if match is None or not times[computation]:
            continue
        sizes = [array_bytes(array) for array in _ARRAY.finditer(match["shape"])]
        if match["start"] and match["kind"] == "all-gather":
            sizes = sizes[len(sizes) // 2 :]  # (operands, results)
        elif match["start"] and match["kind"] == "collective-permute":
            sizes = sizes[1:2]  # (operand, result, and counters)
        entry = found.setdefault(match["kind"], {"count": 0, "bytes": 0})
        entry["count"] += times[computation]
        entry["bytes"] += times[computation] * sum(sizes)
    return found


def host_transfers(program: str) -> list[str]:
    """The instructions that communicate with the host during execution: infeed, outfeed, send, recv, callbacks."""
    return sorted({match["kind"] or match["target"] for match in _HOST.finditer(program)})


def array_bytes(array: re.Match) -> int:
    """Bytes of an array, from a match of its type such as f32[128,64], pred[] or f8e4m3fn[16]."""
    digits = re.match(r"[a-z]+(\d+)", array["type"])
    bits = BITS.get(array["type"]) or int(digits[1] if digits else 0)
    sizes = [int(size) for size in array["sizes"].split(",") if size]
    return math.ceil(bits * math.prod(sizes) / 8)


def instructions(program: str) -> Iterator[tuple[str, str]]:
    """Yields (name of the computation, line) of every instruction."""
    computation = ""
    for line in program.splitlines():
        header = _COMPUTATION.match(line)
        if header is not None:
            computation = header["name"]
        elif " = " in line:
            yield computation, line


def repetitions(program: str) -> dict[str, int]:
    """Maps each computation to the number of times that one call of the program runs it."""
    callers: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for computation, line in instructions(program):
        trips = _TRIPS.search(line)
        factor = int(trips["count"]) if trips and " while(" in line else 1
        branches = _BRANCHES.search(line)
        names = [name.strip().lstrip("%") for name in branches["names"].split(",")] if branches else []
        for name in [*(match["name"] for match in _CALLED.finditer(line)), *names]:
            callers[name].append((computation, factor))
    entries = [match["name"] for line in program.splitlines() if (match := _COMPUTATION.match(line)) and match["entry"]]
    times: dict[str, int] = defaultdict(int)

    def count(name: str) -> int:
        if name not in times:
            times[name] = int(name in entries) + sum(factor * count(caller) for caller, factor in callers[name])
        return times[name]

    for name in [*callers, *entries]:
        count(name)
    return times


def count_collectives(compiled: Compiled) -> dict[str, int]:
    """The number of instructions of each kind of communication in a compiled program."""
    text = compiled.as_text() or ""
    found = Counter(re.findall(rf"\b({'|'.join(COLLECTIVES)})(?:-start)?\(", text))
    return {name: found[name] for name in COLLECTIVES if found[name]}
