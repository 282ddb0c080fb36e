"""What the processor costs: bare Envoy, the transport's floor and ours, in one run, on the same machine.

bodies    the requests that are sent
upstream  a provider that costs next to nothing, in a process of its own
floor     the least that a grpc.aio processor can do
load      a load generator that costs next to nothing, in a process of its own
systems   starts and stops what is measured
measure   rounds of load, processor time, memory, messages
report    tables with ratios, and whether the numbers hold
"""
