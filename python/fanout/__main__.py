"""`python -m fanout` and the script `fanout`: the command-line tool that comes with the package."""

from __future__ import annotations

import os
import sys


def main() -> None:
    tool = os.path.join(os.path.dirname(os.path.abspath(__file__)), "bin", "fanout")
    if not os.path.exists(tool):
        sys.exit("fanout: this package was built without the command-line tool")
    os.environ.setdefault("FANOUT_PYTHON", sys.executable)  # of `fanout fetch --on ray`
    os.execv(tool, ["fanout", *sys.argv[1:]])


if __name__ == "__main__":
    main()
