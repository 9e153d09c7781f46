"""The object model: what exists (locations, exits, characters, objects), where it is, and how it changes all or nothing."""
