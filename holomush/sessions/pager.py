"""Long text in pages, for one connection that wants it so."""

from __future__ import annotations

from collections.abc import Callable

from holomush.text.display import Display, paged


class Pager:
    """Keeps the pages that are still to come."""

    def __init__(self, display: Callable[[], Display], tell: Callable[[str], None]) -> None:
        """``display`` says how long and wide a page is, ``tell`` shows one."""
        self._display = display
        self._tell = tell
        self._pages: list[list[str]] = []

    @property
    def is_waiting(self) -> bool:
        """Whether there is more to be shown."""
        return bool(self._pages)

    def show(self, text: str) -> None:
        """Show the first page, and forget what was left of another text."""
        display = self._display()
        self._pages = paged(text, display.page_length, display.width)
        self.turn()

    def turn(self) -> None:
        """Show the next page."""
        page = self._pages.pop(0)
        left = sum(map(len, self._pages))
        if left:
            lines = "1 more line" if left == 1 else f"{left} more lines"
            page = [*page, f"({lines}. Type more to go on.)"]
        self._tell("\n".join(page))

    def forget(self) -> None:
        """The rest is not wanted."""
        self._pages = []
