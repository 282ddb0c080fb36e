"""The demonstration: sample traffic through the real thing, on simulated providers.

samples   what is sent, and what should become of it
table     how a row looks
run       providers, plant, traffic
"""
