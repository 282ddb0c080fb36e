"""A handler runs by hand or as a task, and cannot tell."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import ContextVar
from typing import Any

import pytest

from extproc.shell.native.runner import Runner

VARIABLE: ContextVar[str] = ContextVar("VARIABLE", default="")


class Run:
    """A runner whose end is remembered."""

    def __init__(self) -> None:
        self.ends: list[BaseException | None] = []
        self.runner = Runner(self.ends.append)

    async def end(self) -> BaseException | None:
        """Wait for the end."""
        for _ in range(20):
            await asyncio.sleep(0)
        (error,) = self.ends
        return error


def _in_a_loop(test: Callable[[Run], Awaitable[None]]) -> Callable[[], None]:
    async def main() -> None:
        await test(Run())

    def run() -> None:
        asyncio.run(main())

    run.__name__ = test.__name__
    return run


@_in_a_loop
async def test_what_waits_for_us_runs_on_the_spot(run: Run):
    steps: list[int] = []
    futures: list[asyncio.Future[None]] = []

    async def handler() -> None:
        for number in range(3):
            steps.append(number)
            futures.append(run.runner.wait())
            await futures[-1]

    run.runner.start(handler())
    for number in range(3):
        assert steps == list(range(number + 1))
        run.runner.wake(futures[-1])
    assert run.ends == [None]
    assert run.runner.task is None


@_in_a_loop
async def test_what_waits_for_others_becomes_a_task_and_stays_one(run: Run):
    steps: list[str] = []
    ours: list[asyncio.Future[None]] = []

    async def handler() -> None:
        await asyncio.sleep(0)
        steps.append(str(asyncio.current_task() is run.runner.task))
        ours.append(run.runner.wait())
        await ours[-1]
        steps.append("ours")
        async with asyncio.timeout(5):
            await asyncio.get_running_loop().run_in_executor(None, steps.append, "theirs")

    run.runner.start(handler())
    assert steps == []
    await asyncio.sleep(0.01)
    run.runner.wake(ours[-1])
    assert steps == ["True"], "a task goes on in its own time"
    assert run.runner.task is not None
    await run.runner.task
    assert steps == ["True", "ours", "theirs"]
    assert run.ends == [None]


@pytest.mark.parametrize("error", [ValueError("x"), asyncio.CancelledError()])
@pytest.mark.parametrize("foreign", [False, True])
def test_errors_are_told(error: BaseException, foreign: bool):
    async def handler() -> None:
        if foreign:
            await asyncio.sleep(0)
        raise error

    async def main() -> BaseException | None:
        run = Run()
        run.runner.start(handler())
        return await run.end()

    told = asyncio.run(main())
    assert type(told) is type(error)


@_in_a_loop
async def test_a_task_is_cancelled_even_before_its_first_step(run: Run):
    seen: list[str] = []

    async def handler() -> None:
        try:
            await asyncio.sleep(100)
        except asyncio.CancelledError:
            seen.append("cancelled")
            await asyncio.sleep(0)
            seen.append("cleaned up")
            raise

    run.runner.start(handler())
    run.runner.leave()
    assert isinstance(await run.end(), asyncio.CancelledError)
    assert seen == ["cancelled", "cleaned up"]


@_in_a_loop
async def test_one_that_waits_for_us_is_woken(run: Run):
    async def handler() -> None:
        await run.runner.wait()

    run.runner.start(handler())
    run.runner.leave()
    assert run.ends == [None]
    run.runner.leave()
    assert run.ends == [None], "nothing happens after the end"


@_in_a_loop
async def test_one_that_then_waits_for_others_is_cancelled(run: Run):
    async def handler() -> None:
        await run.runner.wait()
        await asyncio.sleep(100)

    run.runner.start(handler())
    run.runner.leave()
    assert isinstance(await run.end(), asyncio.CancelledError)


@_in_a_loop
async def test_waking_twice_or_what_was_cancelled_is_harmless(run: Run):
    futures: list[asyncio.Future[None]] = []

    async def handler() -> None:
        await asyncio.sleep(0)
        futures.append(run.runner.wait())
        try:
            async with asyncio.timeout(0):
                await futures[-1]
        except TimeoutError:
            pass
        futures.append(run.runner.wait())
        await futures[-1]

    run.runner.start(handler())
    await asyncio.sleep(0.01)
    for future in (*futures, *futures, None):
        run.runner.wake(future)
    assert await run.end() is None


def test_context_variables_stay_with_their_handler():
    futures: list[asyncio.Future[None]] = []

    async def handler(name: str, runner: Runner, seen: list[str]) -> None:
        VARIABLE.set(name)
        futures.append(runner.wait())
        await futures[-1]
        seen.append(VARIABLE.get())
        await asyncio.sleep(0)
        seen.append(VARIABLE.get())

    async def main() -> list[str]:
        seen: list[str] = []
        runs = [Run(), Run()]
        for number, run in enumerate(runs):
            run.runner.start(handler(str(number), run.runner, seen))
        for run, future in zip(runs, futures, strict=True):
            run.runner.wake(future)
        for run in runs:
            assert await run.end() is None
        return [*seen, VARIABLE.get()]

    assert asyncio.run(main()) == ["0", "1", "0", "1", ""]


def test_gathering_others_works_from_the_first_moment():
    async def handler(tasks: list[asyncio.Task[int]]) -> None:
        async def one(number: int) -> int:
            await asyncio.sleep(0)
            return number

        tasks += [asyncio.create_task(one(number)) for number in range(3)]
        await asyncio.gather(*tasks)

    async def main() -> list[int]:
        run, tasks = Run(), list[asyncio.Task[int]]()
        coroutine: Coroutine[Any, Any, None] = handler(tasks)
        run.runner.start(coroutine)
        assert await run.end() is None
        return [task.result() for task in tasks]

    assert asyncio.run(main()) == [0, 1, 2]
