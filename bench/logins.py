"""Logins, which take all cores: how near to Argon2 alone, and how calm everyone else stays meanwhile."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time

import argon2
import msgspec

from rounds import Figures, Load, Results, finish_load, run_load, start_load

ALONE = "argon2 alone"
QUIET, STORM = "me, quiet", "me, during logins"
PACED_QUIET, PACED_STORM = "me paced, quiet", "me paced, during logins"
PACED_CONNECTIONS, PACE_MS = 16, 20
"""16 clients with 20 ms between requests: some 800 requests a second, so that no queue of their own hides the wait."""

STORM_SECONDS_MIN = 2.0


class Storm(msgspec.Struct, kw_only=True):
    """What a round of logins needs."""

    name: str
    login: Load
    me: Load
    seconds: float
    load_core: int | None
    server_cores: set[int] | None


def measure_logins(storm: Storm, results: Results) -> None:
    """Measure one round: Argon2 alone, logins alone, ``me`` alone, ``me`` during logins."""
    seconds = max(storm.seconds, STORM_SECONDS_MIN)
    server = storm.login.server
    server.allow_cores(set(range(os.cpu_count() or 1)))
    try:
        results.add("login", ALONE, _hash_alone(seconds))
        results.add("login", storm.name, run_load(storm.login, seconds=seconds, core=storm.load_core))
        paced = Load(server=server, requests=storm.me.requests, connections=PACED_CONNECTIONS, pause_ms=PACE_MS)
        for me, quiet, stormy in ((storm.me, QUIET, STORM), (paced, PACED_QUIET, PACED_STORM)):
            results.add(quiet, storm.name, run_load(me, seconds=seconds, core=storm.load_core))
            logins = start_load(storm.login, seconds=seconds + 1.5, core=storm.load_core)
            time.sleep(0.7)
            results.add(stormy, storm.name, run_load(me, seconds=seconds, core=storm.load_core))
            finish_load(logins, storm.login)
    finally:
        server.allow_cores(storm.server_cores)


def _hash_alone(seconds: float) -> Figures:
    output = subprocess.run([sys.executable, __file__, str(seconds)], capture_output=True, check=True).stdout
    per_second, p50_us, p99_us = json.loads(output)
    return Figures(per_second, p50_us, p99_us, 0, 0)


def main() -> None:
    """Hash with our parameters in one thread for each core and print hashes a second and their times."""
    hasher = argon2.PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
    until = time.perf_counter() + float(sys.argv[1])
    taken_us: list[float] = []

    def work() -> None:
        while (began := time.perf_counter()) < until:
            hasher.hash("correct horse battery staple 7")
            taken_us.append((time.perf_counter() - began) * 1e6)

    threads = [threading.Thread(target=work) for _ in range(os.cpu_count() or 1)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    taken_us.sort()
    per_second = len(taken_us) / (time.perf_counter() - began)
    print(json.dumps([per_second, taken_us[len(taken_us) // 2], taken_us[int(len(taken_us) * 0.99)]]))


if __name__ == "__main__":
    main()
