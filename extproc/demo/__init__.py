"""The demonstration: sample traffic through the real thing, on simulated providers.

samples   what is sent, and what should become of it
traffic   a client that sends it and looks at what comes back
jaeger    where its traces go
table     how a row looks
run       providers, plant, traffic
"""
