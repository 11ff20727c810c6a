"""``python -m xrfsr``, the same as the command ``xrfsr``."""

from __future__ import annotations

import sys

from xrfsr.cli import main

if __name__ == "__main__":
    sys.exit(main())
