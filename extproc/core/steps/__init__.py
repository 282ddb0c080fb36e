"""Pure functions, in the order in which a request walks: accept → classify → plan → forward."""
