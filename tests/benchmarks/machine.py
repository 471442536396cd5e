"""What a measurement was made on: processor, system, Python. No names of hosts, users or folders."""

import os
import platform
from pathlib import Path


def describe() -> dict[str, str]:
    """Return what this machine is, in the order that people are shown it."""
    load = ", ".join(f"{load:.2f}" for load in os.getloadavg())
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "system": f"{_system()}, {platform.machine()}",
        "load before": load,
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def _system() -> str:
    try:
        return f"{platform.system()}, {platform.freedesktop_os_release()['PRETTY_NAME']}"
    except OSError:
        return f"{platform.system()} {platform.mac_ver()[0]}".strip()
