"""The site's tools lie at the root of the repository, which is on no path."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2]))
