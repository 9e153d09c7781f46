"""Which plugins there are, what they say of themselves, what they may do, and in which order they are loaded."""
