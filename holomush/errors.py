"""The root of every error HoloMUSH raises on purpose.

A ``HolomushError`` carries one line that says what was wrong and, where there is something to do, what to do. It may be shown to
an operator as it stands. Each room derives its own errors from it; nothing else belongs here.
"""


class HolomushError(Exception):
    """Something HoloMUSH refuses or cannot do. ``str()`` is one line fit for an operator to read."""
