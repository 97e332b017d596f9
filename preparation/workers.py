"""Workers on Ray: one file at a time each, with a bundle that stays loaded; whoever dies is replaced."""

from __future__ import annotations

import io
import logging
import os
import signal
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # before Ray is imported: it would report its use
import ray
from ray._private import ray_constants
from ray.exceptions import OutOfMemoryError, RayActorError, RayError, RayTaskError

from ..runtime.errors import OutputError
from ..runtime.session import Bundle, available_threads
from .config import PreparationConfig, PreparationError
from .one_file import Outcome, prepare_file
from .sources import Source

ATTEMPTS: Final = 3  # workers that a file may cost before it is given up
STARTS: Final = 3  # workers in a row that may die before they are ready
OBJECT_STORE: Final = 80_000_000  # bytes; outcomes are small, samples never pass through Ray


@dataclass(frozen=True)
class Assignment:
    """What every worker knows: where files lie and parts go (both seen by all machines), what to do, the graphs."""

    folder: Path
    parts: Path
    config: PreparationConfig
    bundle: Path


@ray.remote(num_cpus=1, max_restarts=0, max_task_retries=0)
class Preparer:
    """One worker: an actor with one thread."""

    def __init__(self, assignment: Assignment) -> None:
        import torch

        torch.set_num_threads(1)
        self._assignment = assignment
        self._bundle = Bundle(assignment.bundle, threads=1)

    def ready(self) -> int:
        """Its process."""
        return os.getpid()

    def prepare(self, source: Source) -> Outcome:
        """Prepares a file. What a file may cause becomes an outcome; only what cannot be written is raised."""
        job, started = self._assignment, time.process_time()
        try:
            outcome = prepare_file(self._bundle, job.folder, source, job.config, job.parts)
        except OutputError:
            raise
        except Exception as error:  # nothing that a file makes a decoder or a graph do may end the run
            outcome = Outcome(source, "failed", "unforeseen error", f"{type(error).__name__}: {error}")
        outcome.working = round(time.process_time() - started, 3)
        return outcome


@contextmanager
def ray_session(address: str | None, workers: int | None) -> Iterator[int]:
    """A connection to a cluster, or a local Ray of that many processors (None: all); gives the workers to start.

    A local Ray listens on the loopback interface alone. Neither dashboard nor usage reports are started.

    Raises:
        PreparationError: Ray cannot be started or reached.
    """
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    # Without clusters Ray binds to 127.0.0.1: its processes read the variable, this one has read it already.
    os.environ[ray_constants.ENABLE_RAY_CLUSTERS_ENV_VAR] = "0" if address is None else "1"
    ray_constants.ENABLE_RAY_CLUSTER = address is not None
    with redirect_stdout(io.StringIO()):  # Ray tells of dead workers there; results go there, and `_Crew` sees to them
        try:
            if address is None:
                count = workers or available_threads()
                ray.init("local", num_cpus=count, include_dashboard=False, object_store_memory=OBJECT_STORE, **quiet)
            else:
                ray.init(address, **quiet)
        except (RayError, OSError, RuntimeError, ValueError) as error:
            reason = (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
            hint = "" if address is None else " (one that asks for a token needs RAY_AUTH_MODE=token)"
            raise PreparationError(f"Ray cannot be {'reached' if address else 'started'}: {reason}{hint}.") from None
        try:
            for number, handler in handlers.items():
                signal.signal(number, handler)  # Ray puts its own in their place
            processors = max(1, int(ray.cluster_resources().get("CPU", 1)))
            yield min(workers or processors, processors)
        finally:
            ray.shutdown()


def prepare_all(sources: Iterable[Source], assignment: Assignment, workers: int) -> Iterator[Outcome]:
    """Outcomes of all files, as they are finished; needs a `ray_session`.

    A file whose worker dies is given to another one, at most `ATTEMPTS` times.

    Raises:
        OutputError: a part cannot be written (a full disk). PreparationError: workers cannot start.
    """
    crew = _Crew(deque(sources), assignment)
    try:
        for _ in range(min(workers, len(crew.waiting))):
            crew.hire()
        while crew.unfinished():
            yield from crew.wait()
    finally:
        crew.dismiss()


class _Crew:
    """Workers, and what each of them does now: a file, or (None) getting ready."""

    def __init__(self, waiting: deque[Source], assignment: Assignment) -> None:
        self.waiting, self._assignment = waiting, ray.put(assignment)
        self._busy: dict[Any, tuple[Any, Source | None]] = {}
        self._attempts: Counter[str] = Counter()
        self._failed_starts = 0

    def unfinished(self) -> bool:
        return bool(self.waiting) or any(source for _, source in self._busy.values())

    def hire(self) -> None:
        actor = Preparer.remote(self._assignment)
        self._busy[actor.ready.remote()] = (actor, None)

    def dismiss(self) -> None:
        for actor, _ in self._busy.values():
            ray.kill(actor)

    def wait(self) -> Iterator[Outcome]:
        done, _ = ray.wait(list(self._busy), num_returns=1, timeout=1.0)
        for reference in done:
            actor, source = self._busy.pop(reference)
            try:
                result = ray.get(reference)
            except (RayActorError, OutOfMemoryError) as error:
                ray.kill(actor)  # one that is only out of reach must not go on
                yield from self._died(source, error)
                continue
            except RayTaskError as error:
                cause = error.cause
                raise (
                    cause if isinstance(cause, OutputError) else PreparationError(f"A worker failed: {cause}")
                ) from None
            self._failed_starts = 0
            if self.waiting:  # else the last reference to the actor goes, and the actor with it
                following = self.waiting.popleft()
                self._busy[actor.prepare.remote(following)] = (actor, following)
            if source is not None:
                yield result

    def _died(self, source: Source | None, error: Exception) -> Iterator[Outcome]:
        if source is None:
            self._failed_starts += 1
            if self._failed_starts >= STARTS:
                last = str(error).strip().splitlines()[-1]
                raise PreparationError(f"Workers cannot start: {last}")
        else:
            self._attempts[source.path] += 1
            if self._attempts[source.path] < ATTEMPTS:
                self.waiting.appendleft(source)
            else:
                yield Outcome(source, "failed", "worker died", f"{source.path} ended {ATTEMPTS} workers.")
        if self.waiting:
            self.hire()
