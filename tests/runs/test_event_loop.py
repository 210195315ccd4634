"""A restore that fails leaves nothing behind that speaks later."""

import asyncio
import gc
import threading

import pytest

from jaxcnn.runs.event_loop import PatientLoop, patient_loops


async def answered(by: asyncio.AbstractEventLoop, after: float) -> str:
    """As a library answers: from a thread of its own, whether the loop is still open or not."""
    answer = by.create_future()
    threading.Timer(after, lambda: by.call_soon_threadsafe(answer.set_result, "here")).start()
    return await answer


async def fail() -> None:
    raise OSError("gone")


async def read_all(answers: list[str]) -> None:
    async def read(after: float) -> None:
        answers.append(await answered(asyncio.get_running_loop(), after))

    await asyncio.gather(read(0.05), fail(), fail(), read(0.1))


def run(loop: asyncio.AbstractEventLoop, answers: list[str]) -> None:
    try:
        loop.run_until_complete(read_all(answers))
    finally:
        loop.close()


def test_what_was_under_way_is_answered_before_the_loop_closes(caplog):
    answers = []
    with patient_loops():
        loop = asyncio.new_event_loop()
    with pytest.raises(OSError, match="gone"):
        run(loop, answers)
    assert answers == ["here", "here"] and loop.is_closed()
    loop.close()
    gc.collect()
    assert not caplog.records


def test_loops_are_the_usual_ones_afterwards():
    with pytest.raises(OSError, match="gone"), patient_loops():
        asyncio.run(fail())
    loop = asyncio.new_event_loop()
    loop.close()
    assert not isinstance(loop, PatientLoop)
