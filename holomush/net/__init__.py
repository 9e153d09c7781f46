"""Bytes on one side, sessions on the other: the telnet codec and the listener."""
