"""The composition root: the only room that knows all others.

worker   one sidecar process, built from the configuration
plant    what runs beside it: Envoy and further workers, and the runtime folder they meet in
"""
