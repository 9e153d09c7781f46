"""How a test of a plugin fails: errors that pytest shows as failed assertions, and one for a harness that is used wrongly."""

from __future__ import annotations

from holomush.errors import HolomushError


class HarnessError(HolomushError):
    """The test asks for what cannot be, such as a character who is not there."""


class PluginFailed(HolomushError, AssertionError):
    """The plugin could not be loaded, or a call of it failed. ``str()`` is its report, in the author's files and lines."""


class CapabilityDenied(PluginFailed):
    """The plugin did something that it may not do, whether it noticed or not. ``str()`` has the line to add."""


class UnexpectedRequest(PluginFailed):
    """The plugin asked a web server for something that the test has no answer to."""


class NoSuchCommand(PluginFailed):
    """A line that no command of the plugin takes."""
