"""What a measurement was made on: processor, system, Python, libraries. No names of hosts, users or folders."""

import os
import platform
from importlib.metadata import version
from pathlib import Path

from cryptography.hazmat.backends.openssl.backend import backend

import credvault

LIBRARIES = ("click", "cryptography", "httpx", "platformdirs", "rich")


def describe() -> dict[str, str]:
    """Return what this machine is, in the order that people are shown it."""
    load = ", ".join(f"{load:.2f}" for load in os.getloadavg())
    return {
        "credvault": credvault.__version__,
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "libraries": ", ".join([*(f"{name} {version(name)}" for name in LIBRARIES), backend.openssl_version_text()]),
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "system": f"{platform.system()} {platform.machine()}",
        "load before": load,
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
