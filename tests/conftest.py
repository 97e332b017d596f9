"""What all tests share: the optional training data."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The training data (photos/ and videos/), which is not part of the project: VIVANT_DATA says where it is."""
    folder = Path(os.environ.get("VIVANT_DATA", Path(__file__).parent.parent.parent / "shared" / "data"))
    if not (folder / "photos").is_dir():
        pytest.skip("the training data is not here; set VIVANT_DATA to its folder")
    return folder
