"""What people read: markup, colours, wrapping, and the bytes that one kind of client is sent. Pure; knows no session."""
