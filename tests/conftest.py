"""What all tests share: bundles, sample pictures, the command line, the optional training data."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from standin import write_standin_bundle
from vivant.cli import main
from vivant.runtime.credentials import Credentials, find_credentials
from vivant.runtime.session import BUNDLED, Bundle

SAMPLES = BUNDLED.parent / "samples"


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The training data (photos/ and videos/), which is not part of the project: VIVANT_DATA says where it is."""
    folder = Path(os.environ.get("VIVANT_DATA", Path(__file__).parent.parent.parent / "shared" / "data"))
    if not (folder / "photos").is_dir():
        pytest.skip("the training data is not here; set VIVANT_DATA to its folder")
    return folder


@pytest.fixture(scope="session", autouse=True)
def own_key(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Credentials]:
    """Tests sign with a key of their own, made beforehand; the user's own is neither used nor made."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
        patch.delenv("VIVANT_CERTIFICATE", raising=False)
        patch.delenv("VIVANT_KEY", raising=False)
        find_credentials()
        yield find_credentials()


@pytest.fixture(scope="session")
def bundle() -> Bundle:
    """The bundle that is shipped."""
    return Bundle(BUNDLED)


@pytest.fixture(scope="session")
def astronaut() -> Path:
    """A photo of one person, 512×512."""
    return SAMPLES / "astronaut.jpg"


@pytest.fixture(scope="session")
def standin_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of tiny graphs that take rectangles for faces (see standin.py); not to be changed."""
    folder = tmp_path_factory.mktemp("standin")
    write_standin_bundle(folder)
    return folder


@pytest.fixture(scope="session")
def standin(standin_folder: Path) -> Bundle:
    """The bundle in `standin_folder`, opened."""
    return Bundle(standin_folder, threads=1)


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str


Command = Callable[..., Ran]


@pytest.fixture
def vivant(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs `vivant ARGS...` within this process."""

    def run(*args: object) -> Ran:
        monkeypatch.setattr(sys, "argv", ["vivant", *map(str, args)])
        before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        capsys.readouterr()
        try:
            main()
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        printed = capsys.readouterr()
        return Ran(code, printed.out, printed.err)

    return run
