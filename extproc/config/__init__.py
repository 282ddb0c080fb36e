"""The configuration: the file as types, loading, secrets, endpoints, runtime folder."""
