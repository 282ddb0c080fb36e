"""The server's side of one HTTP/2 connection (RFC 9113): bytes in, events and bytes out. No sockets, no clock, no awaiting.

connection  the one object that users of this room hold
events      what it tells
receiving   what arrives: a method for every frame
sending     what leaves: frames in order, DATA as the windows allow
streams     one stream, and the table of what may come in which state
blocks      HEADERS and CONTINUATION → header blocks
fields      header blocks → requests, and the few blocks that we write
frames      bytes ⇄ frames
settings    ours, and the peer's
limits      what we offer the peer and what we bear from it
budget      how often in a period
errors      the only two things that can go wrong: a stream's fault, the connection's fault
"""
