"""The heart: a line becomes a plugin call, a call becomes a commit, a commit becomes events for people and plugins."""
