"""People in the game: the connect screen, a character's presence over all its connections, what each is sent and has missed."""
