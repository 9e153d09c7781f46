"""A crowd of scripted players of mixed habits at real telnet connections, and the proof that nobody missed or misheard anything.

``run`` lets a crowd play on a server that listens; ``evidence`` then compares what each has read with the server's own event log.
"""
