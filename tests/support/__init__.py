"""What tests of several rooms share: servers in memory, players that type, plugins made of text."""
