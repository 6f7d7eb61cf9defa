"""How far a long node is."""

import logging

import pytest

from personal_offers.progress import Sparse, steps


class TestSteps:
    def test_tasks_come_through_in_order(self) -> None:
        assert list(steps(iter("abc"), "letters", 3)) == ["a", "b", "c"]

    def test_each_step_is_told_when_it_is_done(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO, logger="personal_offers")

        tasks = steps("ab", "fits", 2)
        next(tasks)
        before = list(caplog.messages)
        next(tasks)

        assert before == []
        assert caplog.messages == ["  fits: 1 of 2"]

    def test_nothing_to_do_says_nothing(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO, logger="personal_offers")

        assert list(steps([], "fits", 0)) == []
        assert caplog.messages == []


def record(**extra: int) -> logging.LogRecord:
    made = logging.LogRecord("any", logging.INFO, __file__, 1, "text", None, None)
    made.__dict__.update(extra)
    return made


class TestSparse:
    def test_lines_about_progress_are_seconds_apart(self) -> None:
        times = iter([0.0, 1.0, 6.0, 7.0, 12.0])
        sparse = Sparse(seconds=5, clock=lambda: next(times))

        passed = [sparse.filter(record(done=n, total=9)) for n in range(4)]

        assert passed == [False, True, False, True]

    def test_other_lines_always_pass(self) -> None:
        sparse = Sparse(seconds=1e9)

        assert all(sparse.filter(record()) for _ in range(3))
