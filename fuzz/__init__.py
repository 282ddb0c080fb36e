"""Coverage-guided fuzzing of everything that reads bytes of others: `make fuzz SECONDS=60`, or `python -m fuzz`.

targets   what is fuzzed: bytes in, and what must hold whatever they are; an exception is a finding
          wire (SSE, JSON, inflate), connection (HTTP/2, gRPC), dialects (requests, answers)
corpus/   a folder of inputs for each target; tests/fuzz plays them all again, without a fuzzer
seeds     writes the inputs that were thought of, not found: `python -m fuzz.seeds`
run       one target under atheris (libFuzzer), in a process of its own
words     what the fuzzer may put in: keys and frames that it would be long in finding
"""
