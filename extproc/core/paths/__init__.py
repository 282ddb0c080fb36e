"""What happens after a request was forwarded: one file per plan that stays in the exchange, one method per state.

`direct` and `bypass` have no file: the session leaves the exchange with its answer to the request.
"""
