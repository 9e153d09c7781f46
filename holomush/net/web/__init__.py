"""One port for browsers: pages, small answers and websockets. What is said over a websocket is not known here."""
