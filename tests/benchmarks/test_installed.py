"""Which packages the measured environment gets."""

from tests.benchmarks.installed import PINS, needed_at_run_time, pinned


def test_pins_are_kept_whole_and_only_for_what_is_needed() -> None:
    text = "# how\nclick==8.5.1 \\\n    --hash=sha256:00\n    # via credvault\nmypy==1.0 \\\n    --hash=sha256:11\n"

    assert pinned(text, {"click"}) == "click==8.5.1 \\\n    --hash=sha256:00\n    # via credvault\n"


def test_everything_needed_at_run_time_is_pinned() -> None:
    needed = needed_at_run_time()

    entries = pinned(PINS.read_text(encoding="utf-8"), needed).count("==")

    assert needed >= {"click", "cryptography", "httpx", "platformdirs", "rich"}
    assert "pytest" not in needed
    assert entries >= len(needed)
