"""What ``plugin new``, ``plugin build`` and ``plugin test`` are made of: templates, compilers, and self-contained modules."""
