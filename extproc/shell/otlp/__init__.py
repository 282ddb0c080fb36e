"""Spans and metrics of requests, by OTLP. Imported only where something is exported.

accesslog ─▶ journey    what is known of a request's way, out of its access-log entry and its record
               │
               ├─▶ spans ─▶ encoding ─┐
               └─▶ metrics ───────────┴─▶ exporter ─▶ sending, by_grpc ─▶ collector

voices      what is the same for all calls of a kind, made once
genai       names of OpenTelemetry's GenAI conventions
encoding    OTLP's messages, written as bytes (decision 12)
exporter    what waits, what is sent, what is lost; never in a request's way
"""
