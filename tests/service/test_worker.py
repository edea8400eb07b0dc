"""The thread that runs a net: what shares a run, in which order, and what a fault leaves."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from gate import Gate

from stylenet.runtime.session import Session
from stylenet.service.ticket import Ticket
from stylenet.service.worker import SHARED_PIXELS, Worker

Submit = Callable[..., Future]


@pytest.fixture
def runs() -> list[int]:
    """The number of pictures of each run."""
    return []


@pytest.fixture
def worker(runs: list[int]) -> Iterator[Worker]:
    made = Worker(4, lambda pictures, seconds: runs.append(pictures))
    yield made
    made.close()


@pytest.fixture
def submit(worker: Worker) -> Iterator[Submit]:
    """Ask the worker from a thread of its own, in the order of the calls."""
    with ThreadPoolExecutor(16) as threads:

        def submit(
            session: Session, rgb: np.ndarray, ticket: Ticket | None = None, *, waits: bool = True
        ) -> Future:
            before = len(worker._waiting)
            future = threads.submit(worker.run, session, ticket or Ticket(), rgb)
            while waits and len(worker._waiting) == before and not future.done():
                time.sleep(0.001)
            return future

        yield submit


def noise(number: int, height: int = 40, width: int = 56) -> np.ndarray:
    rng = np.random.default_rng(number)
    return rng.integers(0, 256, (height, width, 3), dtype=np.uint8)


def held(gate: Gate, submit: Submit, session: Session) -> None:
    """Begin a run that lasts until the gate opens."""
    submit(session, noise(99, 32, 32), waits=False)
    assert gate.began.wait(10)


def test_pictures_of_one_size_share_a_run_and_are_those_of_runs_alone(
    gate: Gate, submit: Submit, runs: list[int], wave: Path
):
    session = Session(wave)
    held(gate, submit, session)
    pictures = [noise(number) for number in range(6)]
    waiting = [submit(session, picture) for picture in pictures]
    gate.open.set()
    results = [each.result(30) for each in waiting]
    assert runs == [1, 4, 2]
    for picture, result in zip(pictures, results, strict=True):
        assert np.abs(result.astype(int) - session(picture)).max() <= 1


def test_the_longest_waiting_picture_comes_first(gate: Gate, submit: Submit, wave: Path):
    session, other = Session(wave), Session(wave)
    held(gate, submit, session)
    small, large = noise(0), noise(1, 48, 64)
    order = [(session, small), (session, large), (other, small), (session, small)]
    waiting = [submit(*each) for each in order]
    gate.open.set()
    results = [each.result(30) for each in waiting]
    shapes = [(2, *small.shape), (1, *large.shape), (1, *small.shape)]
    assert gate.shapes == [(1, 32, 32, 3), *shapes]
    assert [each.shape for each in results] == [rgb.shape for _, rgb in order]


def test_large_pictures_run_alone(gate: Gate, submit: Submit, wave: Path):
    session = Session(wave)
    held(gate, submit, session)
    side = int((SHARED_PIXELS / 2) ** 0.5) + 1
    waiting = [submit(session, noise(number, side, side)) for number in range(2)]
    gate.open.set()
    for each in waiting:
        each.result(60)
    assert [shape[0] for shape in gate.shapes] == [1, 1, 1]


def test_a_picture_that_nobody_waits_for_is_left_out(gate: Gate, submit: Submit, wave: Path):
    session, ticket = Session(wave), Ticket()
    held(gate, submit, session)
    left, kept = submit(session, noise(0), ticket), submit(session, noise(1))
    ticket.abandoned = True
    gate.open.set()
    assert kept.result(30).shape == (40, 56, 3)
    with pytest.raises(CancelledError):
        left.result(30)
    assert gate.shapes[1:] == [(1, 40, 56, 3)]


def test_a_fault_meets_its_own_run_alone(submit: Submit, wave: Path):
    class Broken(Session):
        def batch(self, rgb: np.ndarray) -> np.ndarray:
            raise ZeroDivisionError("broken")

    with pytest.raises(ZeroDivisionError, match="broken"):
        submit(Broken(wave), noise(0)).result(30)
    assert submit(Session(wave), noise(0)).result(30).shape == (40, 56, 3)


def test_the_end_finishes_what_waits(gate: Gate, wave: Path):
    worker, session = Worker(4, lambda *_: None), Session(wave)
    with ThreadPoolExecutor(2) as threads:
        waiting = [threads.submit(worker.run, session, Ticket(), noise(n)) for n in range(2)]
        assert gate.began.wait(10)
        gate.open.set()
        worker.close()
        assert [each.result(30).shape for each in waiting] == [(40, 56, 3)] * 2
    assert not worker.lives
