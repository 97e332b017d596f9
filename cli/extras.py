"""Commands that need more than the base install brings."""

from collections.abc import Iterator
from contextlib import contextmanager

from ..runtime.errors import VivantError


@contextmanager
def needing_extra(extra: str) -> Iterator[None]:
    """Turns a missing third-party module into one sentence that names the extra to install."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("vivant"):
            raise
        raise VivantError(f"This needs {error.name}, which is not installed: pip install 'vivant[{extra}]'.") from None
