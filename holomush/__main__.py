"""``python -m holomush``."""

import time

_started = time.monotonic()  # before the imports below: the ready line tells how long the whole start took

from holomush.cli import main  # noqa: E402


def run() -> None:
    """Run the command line with this process's arguments."""
    main(obj=_started)


if __name__ == "__main__":
    run()
