"""How long each stage of a job takes."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Stopwatch:
    """Sums up seconds by stage: `with watch("render"): …`. Several threads may share one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seconds: dict[str, float] = {}
        self._runs: dict[str, int] = {}

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            passed = time.perf_counter() - start
            with self._lock:
                self._seconds[stage] = self._seconds.get(stage, 0.0) + passed
                self._runs[stage] = self._runs.get(stage, 0) + 1

    def milliseconds(self) -> dict[str, float]:
        """Mean milliseconds of one run of each stage, in the order in which the stages first ran."""
        return {stage: round(1e3 * seconds / self._runs[stage], 3) for stage, seconds in self._seconds.items()}
