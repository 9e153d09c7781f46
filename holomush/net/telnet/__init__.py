"""Telnet, as far as it can be computed: see ``codec``."""
