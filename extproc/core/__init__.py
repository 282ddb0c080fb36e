"""The pure core: events in, commands out. No clock, no ids, no logging, no awaiting.

events, commands   the only way in, the only way out
session            one HTTP exchange; owns the phases
paths/             one file per plan that stays in the exchange, one method per state
steps/             accept → classify → plan → forward, and what the draft provider refused (memory)
dialects/          one file per wire API
wire/              bytes, blind to dialects
answers            what a model answers, in no dialect
records            what is written down about a request
vocabulary         the nouns
"""
