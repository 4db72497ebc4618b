"""Makes the helpers beside these tests importable (pytest's importlib mode does not)."""

from __future__ import annotations

from pathlib import Path
import sys

sys.path.insert(0, str(Path(__file__).parent))
