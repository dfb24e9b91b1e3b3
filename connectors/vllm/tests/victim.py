"""An engine that stores without end, to be killed. The argument is the server's socket."""

from __future__ import annotations

import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "standin"))

from engine import Engine, Request
from paged_cache import Shape

shape = Shape("packed HND", layers=8, heads=8, head_size=64, blocks=128)
with Engine(shape, {"socket": sys.argv[1], "start_server": False}, step_tokens=1024) as engine:
    engine.wait_connected()
    print("storing", flush=True)
    while True:
        engine.run(Request([random.randrange(128_000) for _ in range(1000)], max_tokens=0))
