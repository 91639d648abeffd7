"""The batcher: what is written together, who waits for what, and who hears of an error."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TypeVar

import pytest

from caliber_crawler.store import Batcher

HOUR = 3600.0
T = TypeVar("T")


class Writer:
    """Notes the batches; `gate` holds writes back while it is closed. Results are ``2 × value``."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.errors: dict[int, BaseException] = {}  # by a value of the batch that is to fail
        self.begun = asyncio.Event()

    async def __call__(self, values: Sequence[int]) -> list[int]:
        self.batches.append(list(values))
        self.begun.set()
        await self.gate.wait()
        for value in values:
            if value in self.errors:
                raise self.errors[value]
        return [2 * value for value in values]


@pytest.fixture
def writer() -> Writer:
    return Writer()


@pytest.fixture(autouse=True)
async def nothing_is_left() -> AsyncIterator[None]:
    """No task and no unheard error survives a test."""
    trouble: list[object] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: trouble.append(context))
    before = asyncio.all_tasks()
    yield
    await settled()
    assert asyncio.all_tasks() <= before | {asyncio.current_task()}
    assert not trouble


async def settled() -> None:
    """Let everything run that can run without the time going on."""
    for _ in range(100):
        await asyncio.sleep(0)


def start(call: Callable[[], Awaitable[T]]) -> asyncio.Task[T]:
    async def run() -> T:
        return await call()

    return asyncio.create_task(run())


def puts(batcher: Batcher[int, int], values: Sequence[int]) -> list[asyncio.Task[int]]:
    return [asyncio.create_task(batcher.put(value)) for value in values]


class TestBatches:
    async def test_each_caller_gets_the_result_of_its_value(self, writer: Writer) -> None:
        batcher = Batcher(writer, size=7, linger=0.01)
        values = random.Random(1).sample(range(1000), 300)
        assert await asyncio.gather(*puts(batcher, values)) == [2 * value for value in values]
        await batcher.close()

    async def test_order_and_size(self, writer: Writer) -> None:
        batcher = Batcher(writer, size=10, linger=HOUR)
        tasks = puts(batcher, range(35))
        await settled()
        assert writer.batches == [list(range(n, n + 10)) for n in (0, 10, 20)]
        await batcher.close()
        assert writer.batches[3:] == [list(range(30, 35))]
        assert await asyncio.gather(*tasks) == [2 * n for n in range(35)]

    async def test_few_values_are_written_after_the_linger(self, writer: Writer) -> None:
        batcher = Batcher(writer, size=10, linger=0.05)
        loop = asyncio.get_running_loop()
        begin = loop.time()
        async with asyncio.timeout(10):
            assert await asyncio.gather(batcher.put(1), batcher.put(2)) == [2, 4]
        assert loop.time() - begin >= 0.049
        assert writer.batches == [[1, 2]]
        await batcher.close()

    async def test_later_values_do_not_put_off_the_write(self, writer: Writer) -> None:
        """A steady trickle slower than the linger must not starve the first value."""
        batcher = Batcher(writer, size=1000, linger=0.1)
        first = asyncio.create_task(batcher.put(0))
        tasks = []
        async with asyncio.timeout(10):
            while not first.done():
                tasks.append(asyncio.create_task(batcher.put(len(tasks) + 1)))
                await asyncio.sleep(0.01)
        await batcher.close()
        await asyncio.gather(*tasks)

    async def test_what_waited_during_a_slow_write_lingers_no_longer(self, writer: Writer) -> None:
        batcher = Batcher(writer, size=10, linger=0.05)
        writer.gate.clear()
        tasks = puts(batcher, range(10))
        await writer.begun.wait()
        tasks += puts(batcher, [10])
        await settled()  # by now it waits, however busy the machine is
        await asyncio.sleep(0.06)
        writer.gate.set()
        await settled()
        assert writer.batches[1:] == [[10]]
        await batcher.close()
        await asyncio.gather(*tasks)

    async def test_next_batch_collects_during_a_write(self, writer: Writer) -> None:
        batcher = Batcher(writer, size=5, linger=HOUR)
        writer.gate.clear()
        tasks = puts(batcher, range(5))
        await writer.begun.wait()
        tasks += puts(batcher, range(5, 10))
        await settled()
        assert writer.batches == [[0, 1, 2, 3, 4]]
        writer.gate.set()
        await asyncio.gather(*tasks)
        assert writer.batches[1:] == [[5, 6, 7, 8, 9]]
        await batcher.close()

    @pytest.mark.parametrize("at_once", [1, 3])
    async def test_no_more_writes_than_allowed_overlap(self, at_once: int) -> None:
        running = 0
        most = 0
        begun: list[int] = []

        async def write(values: Sequence[int]) -> list[int]:
            nonlocal running, most
            begun.extend(values)
            running += 1
            most = max(most, running)
            await asyncio.sleep(0.001 * (7 - values[0] % 7))
            running -= 1
            return [2 * value for value in values]

        batcher = Batcher(write, size=3, linger=0.001, at_once=at_once)
        tasks = puts(batcher, range(60))
        assert await asyncio.gather(*tasks) == [2 * n for n in range(60)]
        await batcher.close()
        assert most == at_once
        assert begun == list(range(60))


class TestCapacity:
    async def test_callers_wait_for_room(self, writer: Writer) -> None:
        batcher = Batcher(writer, size=2, linger=HOUR, capacity=4)
        writer.gate.clear()
        tasks = puts(batcher, range(20))
        await settled()
        # One batch is being written, four values wait, the rest has not been taken.
        assert writer.batches == [[0, 1]]
        assert len(batcher._waiting) == 4
        writer.gate.set()
        assert await asyncio.gather(*tasks) == [2 * n for n in range(20)]
        assert [n for batch in writer.batches for n in batch] == list(range(20))
        await batcher.close()

    async def test_late_callers_do_not_overtake_those_who_wait_for_room(
        self, writer: Writer
    ) -> None:
        batcher = Batcher(writer, size=1, linger=HOUR, capacity=1)
        tasks: list[asyncio.Task[int]] = []

        async def keep_putting() -> None:
            for n in range(100):
                tasks.append(asyncio.create_task(batcher.put(n)))
                await asyncio.sleep(0)

        await keep_putting()
        await asyncio.gather(*tasks)
        assert writer.batches == [[n] for n in range(100)]
        await batcher.close()

    async def test_room_smaller_than_a_batch(self, writer: Writer) -> None:
        batcher = Batcher(writer, size=100, linger=HOUR, capacity=3)
        async with asyncio.timeout(10):
            await asyncio.gather(*puts(batcher, range(9)))
        assert writer.batches == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
        await batcher.close()


class TestErrors:
    async def test_error_reaches_the_callers_of_that_batch_only(self, writer: Writer) -> None:
        batcher = Batcher(writer, size=5, linger=HOUR)
        error = writer.errors[7] = OSError("refused")
        results = await asyncio.gather(*puts(batcher, range(15)), return_exceptions=True)
        assert results[:5] == [0, 2, 4, 6, 8]
        assert results[5:10] == [error] * 5
        assert results[10:] == [20, 22, 24, 26, 28]
        await batcher.close()

    async def test_error_among_the_results_reaches_its_caller_only(self) -> None:
        error = OSError("this one is odd")

        async def write(values: Sequence[int]) -> list[int | Exception]:
            return [error if value == 2 else value for value in values]

        batcher = Batcher[int, int](write, size=5, linger=HOUR)
        results = await asyncio.gather(*puts(batcher, range(5)), return_exceptions=True)
        assert results == [0, 1, error, 3, 4]
        await batcher.close()

    async def test_error_while_closing_reaches_the_callers_only(self, writer: Writer) -> None:
        batcher = Batcher(writer, size=5, linger=HOUR)
        writer.errors[1] = OSError("refused")
        tasks = puts(batcher, [1, 2])
        await settled()
        await batcher.close()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert results == [writer.errors[1]] * 2

    async def test_wrong_number_of_results_is_an_error_for_the_batch(self) -> None:
        async def write(values: Sequence[int]) -> list[int]:
            return [] if 1 in values else list(values)

        batcher = Batcher(write, size=2, linger=HOUR)
        results = await asyncio.gather(*puts(batcher, [0, 1, 2, 3]), return_exceptions=True)
        assert [str(result) for result in results] == [
            "0 results for a batch of 2",
            "0 results for a batch of 2",
            "2",
            "3",
        ]
        await batcher.close()

    async def test_write_that_is_cancelled_leaves_nobody_waiting(self, writer: Writer) -> None:
        batcher = Batcher(writer, size=2, linger=HOUR)
        writer.errors[1] = asyncio.CancelledError()
        tasks = puts(batcher, [0, 1, 2])
        async with asyncio.timeout(10):
            results = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(result) for result in results] == [asyncio.CancelledError] * 3
        with pytest.raises(RuntimeError, match="closed"):
            await batcher.put(3)
        await batcher.close()


class TestCancelledCallers:
    async def test_others_of_the_batch_get_their_results(self, writer: Writer) -> None:
        batcher = Batcher(writer, size=11, linger=HOUR)
        tasks = puts(batcher, range(10))
        await settled()
        for n in (0, 4, 9):
            tasks[n].cancel()
        await settled()
        await batcher.close()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        for n, result in enumerate(results):
            if n in (0, 4, 9):
                assert isinstance(result, asyncio.CancelledError)
            else:
                assert result == 2 * n
        assert sorted(n for batch in writer.batches for n in batch) == list(range(10))

    async def test_during_the_write(self, writer: Writer) -> None:
        batcher = Batcher(writer, size=3, linger=HOUR)
        writer.gate.clear()
        tasks = puts(batcher, range(3))
        await writer.begun.wait()
        tasks[1].cancel()
        await settled()
        writer.gate.set()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert results[0] == 0
        assert results[2] == 4
        await batcher.close()

    async def test_during_a_write_that_fails(self, writer: Writer) -> None:
        batcher = Batcher(writer, size=2, linger=HOUR)
        writer.gate.clear()
        writer.errors[0] = OSError("refused")
        tasks = puts(batcher, range(2))
        await writer.begun.wait()
        for task in tasks:
            task.cancel()
        writer.gate.set()
        await asyncio.gather(*tasks, return_exceptions=True)
        await batcher.close()

    async def test_while_waiting_for_room(self, writer: Writer) -> None:
        batcher = Batcher(writer, size=1, linger=HOUR, capacity=1)
        writer.gate.clear()
        tasks = puts(batcher, range(6))
        await settled()
        tasks[2].cancel()
        tasks[4].cancel()
        await settled()
        writer.gate.set()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert [n for n, result in enumerate(results) if result == 2 * n] == [0, 1, 3, 5]
        assert writer.batches == [[0], [1], [3], [5]]
        await batcher.close()


class TestClosing:
    async def test_all_writes_are_over_at_the_end(self, writer: Writer) -> None:
        batcher = Batcher(writer, size=1, linger=HOUR, at_once=3)
        writer.gate.clear()
        tasks = puts(batcher, range(5))
        closing = start(batcher.close)
        await settled()
        assert writer.batches == [[0], [1], [2]]
        assert not closing.done()
        writer.gate.set()
        await closing
        assert [task.result() for task in tasks] == [0, 2, 4, 6, 8]

    async def test_tail_is_written_at_once(self, writer: Writer) -> None:
        batcher = Batcher(writer, size=50, linger=HOUR)
        tasks = puts(batcher, range(7))
        await settled()
        assert writer.batches == []
        async with asyncio.timeout(10):
            await batcher.close()
        assert [task.result() for task in tasks] == [0, 2, 4, 6, 8, 10, 12]

    async def test_callers_who_wait_for_room_are_served(self, writer: Writer) -> None:
        batcher = Batcher(writer, size=2, linger=HOUR, capacity=2)
        writer.gate.clear()
        tasks = puts(batcher, range(30))
        await settled()
        closing = start(batcher.close)
        await settled()
        assert not closing.done()
        writer.gate.set()
        async with asyncio.timeout(10):
            await closing
            assert await asyncio.gather(*tasks) == [2 * n for n in range(30)]

    async def test_nothing_can_be_put_afterwards(self, writer: Writer) -> None:
        batcher = Batcher(writer)
        await batcher.close()
        with pytest.raises(RuntimeError, match="closed"):
            await batcher.put(1)
        assert writer.batches == []

    async def test_nothing_can_be_put_meanwhile(self, writer: Writer) -> None:
        batcher = Batcher(writer, size=1)
        writer.gate.clear()
        task = asyncio.create_task(batcher.put(1))
        await writer.begun.wait()
        closing = start(batcher.close)
        await settled()
        with pytest.raises(RuntimeError, match="closed"):
            await batcher.put(2)
        writer.gate.set()
        await closing
        assert await task == 2

    async def test_every_close_waits_for_the_end(self, writer: Writer) -> None:
        batcher = Batcher(writer, size=1)
        writer.gate.clear()
        task = asyncio.create_task(batcher.put(1))
        await writer.begun.wait()
        closings = [start(batcher.close) for _ in range(2)]
        await settled()
        assert not any(closing.done() for closing in closings)
        writer.gate.set()
        await asyncio.gather(*closings)
        assert task.done()
        await batcher.close()

    async def test_cancelled_close_does_not_stop_the_write(self, writer: Writer) -> None:
        batcher = Batcher(writer, size=1)
        writer.gate.clear()
        task = asyncio.create_task(batcher.put(1))
        await writer.begun.wait()
        closing = start(batcher.close)
        await settled()
        closing.cancel()
        await settled()
        assert closing.cancelled()
        writer.gate.set()
        assert await task == 2
        await batcher.close()

    async def test_unused_batcher_closes(self, writer: Writer) -> None:
        batcher = Batcher(writer)
        await batcher.close()
        await batcher.close()


async def test_producers_go_on_while_a_slow_write_runs(writer: Writer) -> None:
    """As in a crawl: eight downloads at a time, each followed by its write."""
    batcher = Batcher(writer, size=4, linger=0.01, capacity=100)
    writer.gate.clear()
    downloads = 0

    async def item(value: int) -> int:
        nonlocal downloads
        downloads += 1
        return await batcher.put(value)

    tasks = [asyncio.create_task(item(n)) for n in range(80)]
    await writer.begun.wait()
    await settled()
    assert downloads == 80
    assert len(writer.batches) == 1
    writer.gate.set()
    assert await asyncio.gather(*tasks) == [2 * n for n in range(80)]
    assert len(writer.batches) == 20
    await batcher.close()


async def test_random_callers_cancellations_and_errors(writer: Writer) -> None:
    """Whatever happens, every caller hears, nothing is written twice, and the order stays."""
    rng = random.Random(2024)
    for _ in range(60):
        writer.batches.clear()
        values = range(rng.randint(0, 60))
        writer.errors = {n: OSError(str(n)) for n in values if rng.random() < 0.02}
        batcher = Batcher(
            writer,
            size=rng.randint(1, 12),
            linger=0.001,
            capacity=rng.randint(1, 30),
            at_once=rng.randint(1, 4),
        )
        tasks = []
        for n in values:
            tasks.append(asyncio.create_task(batcher.put(n)))
            if rng.random() < 0.3:
                await asyncio.sleep(rng.choice([0, 0, 0.001]))
            if rng.random() < 0.1:
                rng.choice(tasks).cancel()
        await asyncio.sleep(0)
        async with asyncio.timeout(10):
            await batcher.close()
            results = await asyncio.gather(*tasks, return_exceptions=True)
        written = [n for batch in writer.batches for n in batch]
        assert written == sorted(set(written))
        for n, result in enumerate(results):
            if isinstance(result, OSError):
                [batch] = [batch for batch in writer.batches if n in batch]
                assert int(str(result)) in batch
            elif not isinstance(result, asyncio.CancelledError):
                assert result == 2 * n
                assert n in written
