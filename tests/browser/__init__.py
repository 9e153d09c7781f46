"""The page to play in, in a real browser, against a real server."""
