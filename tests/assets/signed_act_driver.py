"""A process that submits the last signature of a request, for tests that kill it; then one that opens the home as a command does."""

import os
from pathlib import Path

from assay.assets.services import review
from assay.assets.services.opening import open_installation


def submit_last() -> None:
    """Submit the signature in the file that ASSAY_TEST_SIGNATURE names, on review 1."""
    text = Path(os.environ["ASSAY_TEST_SIGNATURE"]).read_text(encoding="utf-8")
    review.submit(open_installation(), 1, text)
    print("submitted", flush=True)


def next_command() -> None:
    """Open the home, as every command does."""
    open_installation()
    print("opened", flush=True)
