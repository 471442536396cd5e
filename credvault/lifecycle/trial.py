"""Does a credential still work? Decrypts it, looks at its form, and takes it to whoever can say: `credvault test`.

    decrypt   the vault gives it out; if not, the result is `untestable` and carries the error
    format    a value that is broken for its type cannot work: `rejected`, and nobody is asked any more
    probe     the record's own, or the built-in one of its service

Asked for all three, a secret without a probe is `untestable`, however well it is formed: nobody said that it works.
With `offline` the same is `ok`, which the level `format` qualifies. Everything that may ask a person (unlocking, the
leave to contact a host) happens before the first probe starts, one secret after the other.
"""

import os
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from credvault import state
from credvault.lifecycle.formats import check_format
from credvault.lifecycle.permission import Confirm, HostPermission
from credvault.lifecycle.probes.base import (
    CONNECT_LIMIT,
    OK,
    REJECTED,
    UNREACHABLE,
    UNTESTABLE,
    Attempt,
    Outcome,
    Probe,
)
from credvault.lifecycle.probes.choosing import choose_probe
from credvault.lifecycle.target import parse_allowance
from credvault.model import times
from credvault.model.errors import (
    BackendUnavailable,
    CredvaultError,
    Damaged,
    Denied,
    InvalidValue,
    LockTimeout,
    Rejected,
    RolledBack,
    StorageError,
    Unsupported,
    VersionDeleted,
    VersionDestroyed,
)
from credvault.model.names import NO_REFERENCE, Name
from credvault.model.record import Secret
from credvault.model.value import SecretValue
from credvault.vault import Vault

DECRYPT, FORMAT, PROBE = ("decrypt", "format", "probe")

MAX_AT_ONCE = 8
# A probe that keeps its own time is given this much longer, seconds: its words are better than ours.
_GRACE = 0.5
# How long Ctrl-C waits for programs that were told to end, seconds; they are killed, so it is the time to start one.
_ENDING = 5.0
# How long one wait for an answer takes at most, seconds.
_TURN = 0.25

# What is wrong with one secret and not with the vault: the others are tested all the same.
_ABOUT_ONE_SECRET = (Damaged, Denied, InvalidValue, Unsupported, VersionDeleted, VersionDestroyed)


class TrialOptions(NamedTuple):
    """How to test.

    `allow_hosts` are HOST or HOST:PORT as `--allow-host` takes them. `limit` is the seconds one probe may take in
    all, None for what its kind has (30, a command what `config.toml` says); `connect_limit` those to connect.
    `commands` is the table `probes` of `config.toml`, `environ` what commands inherit (None: this process's).
    """

    state_folder: str
    offline: bool = False
    allow_hosts: Sequence[str] = ()
    limit: float | None = None
    connect_limit: float = CONNECT_LIMIT
    commands: Mapping[str, Any] = {}
    environ: Mapping[str, str] | None = None
    clock: Callable[[], float] = time.time


class Trial(NamedTuple):
    """What came of testing one secret: one of `ok`, `rejected`, `unreachable`, `untestable`, why, and how far it went.

    `error` is set where the vault would not give the secret out.
    """

    name: Name
    result: str
    detail: str
    level: str
    error: CredvaultError | None = None


class _Candidate(NamedTuple):
    name: Name
    reference: str
    probe: Probe
    value: SecretValue


def run_trials(
    vault: Vault,
    names: Iterable[Name],
    options: TrialOptions,
    *,
    progress: Callable[[Trial], None] = lambda trial: None,
    confirm: Confirm | None = None,
) -> list[Trial]:
    """Test secrets, at most 8 at once, and return what came of each, in the order asked.

    `progress` is called in this thread with each one as it is done; `confirm(name, "host:port")` before any, and
    says whether a value may be sent there (None: nobody can be asked). Results are remembered in the state folder.
    Raises NotFound for a name that is not there, and what concerns the whole vault (Locked, WrongKey, NoVault,
    RolledBack, …), before anything is contacted; InvalidValue for an `allow_hosts` that is no host.
    """
    order = list(dict.fromkeys(names))
    permission = HostPermission([parse_allowance(text) for text in options.allow_hosts], options.state_folder, confirm)
    done: dict[Name, Trial] = {}
    candidates: list[_Candidate] = []
    for name in order:
        prepared = _prepare(vault, name, options, permission)
        if isinstance(prepared, Trial):
            done[name] = prepared
        else:
            candidates.append(prepared)

    def finish(trial: Trial) -> None:
        done[trial.name] = trial
        progress(trial)

    try:
        for trial in list(done.values()):
            progress(trial)
        _run_side_by_side(candidates, options, finish)
    finally:
        # What was found out before Ctrl-C was found out.
        _remember({vault.backend.reference(name): trial for name, trial in done.items()}, options)
    return [done[name] for name in order]


def verdict(trials: Iterable[Trial]) -> CredvaultError | None:
    """Return the error that a run of trials ends with, None where all is well.

    Rejected (exit 11) if any was rejected, else BackendUnavailable (6) if any could not be reached, else the first
    error of the vault (10 for a damaged entry, 4 for a denied one). `untestable` alone is no error.
    """
    trials = list(trials)
    for result, error, words in (
        (REJECTED, Rejected, "rejected"),
        (UNREACHABLE, BackendUnavailable, "not tested, because the service could not be reached"),
    ):
        count = sum(trial.result == result for trial in trials)
        if count:
            return error(f"{count} of {len(trials)} {'was' if count == 1 else 'were'} {words}")
    return next((trial.error for trial in trials if trial.error is not None), None)


def exit_status(trials: Iterable[Trial]) -> int:
    """Return the exit status of a run of trials: 0, or that of its verdict."""
    error = verdict(trials)
    return 0 if error is None else error.exit_status


def _prepare(vault: Vault, name: Name, options: TrialOptions, permission: HostPermission) -> "Trial | _Candidate":
    """Decrypt, look at the form, choose the probe and get leave for it."""
    try:
        secret = vault.get(name, purpose="test")
    except RolledBack:
        raise
    except _ABOUT_ONE_SECRET as exc:
        return Trial(name, UNTESTABLE, f"{exc.code}: {exc.message}", DECRYPT, exc)
    finding = check_format(secret.record, secret.value, options.clock())
    if finding is not None:
        return Trial(name, REJECTED, f"format: {finding.detail}", FORMAT)
    if options.offline:
        return Trial(name, OK, "decrypts and is well formed", FORMAT)
    return _choose(secret, vault.backend.reference(name), options, permission)


def _choose(secret: Secret, reference: str, options: TrialOptions, permission: HostPermission) -> "Trial | _Candidate":
    name = secret.record.name
    environ = os.environ if options.environ is None else options.environ
    try:
        probe = choose_probe(secret.record, options.commands, environ)
    except InvalidValue as exc:
        return Trial(name, UNTESTABLE, f"its probe cannot be used: {exc.message}", FORMAT)
    if probe is None:
        return Trial(name, UNTESTABLE, "decrypts and is well formed; there is no probe for it", FORMAT)
    target = probe.target
    if target is not None and probe.asks_leave and not permission.grants(name, reference, target):
        detail = f"its record would contact {target}, which was not allowed; give --allow-host {target}"
        return Trial(name, UNTESTABLE, detail, FORMAT)
    return _Candidate(name, reference, probe, secret.value)


class _Running(NamedTuple):
    candidate: _Candidate
    attempt: Attempt


def _run_side_by_side(candidates: Sequence[_Candidate], options: TrialOptions, finish: Callable[[Trial], None]) -> None:
    """Run the probes, each on a thread of its own, and finish each when it answers or its time is over.

    The threads are daemons, and no pool's: looking up a name cannot be interrupted, and neither Ctrl-C nor the end
    of the program waits for one that still does.
    """
    waiting = deque(enumerate(candidates))
    running: dict[int, _Running] = {}
    threads: dict[int, threading.Thread] = {}
    answers: queue.SimpleQueue[tuple[int, Outcome | BaseException]] = queue.SimpleQueue()
    try:
        while waiting or running:
            while waiting and len(running) < MAX_AT_ONCE:
                number, candidate = waiting.popleft()
                limit = candidate.probe.limit if options.limit is None else options.limit
                running[number] = _Running(candidate, Attempt(limit, options.connect_limit))
                thread = threading.Thread(target=_run, args=(number, running[number], answers), daemon=True)
                threads[number] = thread
                thread.start()
            with suppress(queue.Empty):
                number, answer = answers.get(timeout=_time_to_wait(running))
                if number in running:  # else its time was over, and it was given up
                    _settle(running.pop(number).candidate, answer, finish)
            for number in [n for n, run in running.items() if time.monotonic() > run.attempt.deadline + _GRACE]:
                run = running.pop(number)
                run.attempt.break_off()
                detail = f"no answer within {run.attempt.seconds:g} s"
                _settle(run.candidate, Outcome(UNREACHABLE, detail), finish)
    finally:
        for run in running.values():
            run.attempt.break_off()
        # A thread that is just starting a program must come to the place where it ends it. The others may be left.
        over = time.monotonic() + _ENDING
        for number, run in running.items():
            # A Ctrl-C may have come before it was started.
            if run.candidate.probe.starts_program and number in threads and threads[number].ident is not None:
                threads[number].join(max(over - time.monotonic(), 0.0))


def _run(number: int, run: _Running, answers: "queue.SimpleQueue[tuple[int, Outcome | BaseException]]") -> None:
    try:
        answers.put((number, run.candidate.probe.run(run.candidate.value, run.attempt)))
    except BaseException as exc:  # noqa: BLE001 - raised again in the thread that asked
        answers.put((number, exc))


def _settle(candidate: _Candidate, answer: Outcome | BaseException, finish: Callable[[Trial], None]) -> None:
    if isinstance(answer, BaseException):
        raise answer
    finish(Trial(candidate.name, answer.result, answer.detail, PROBE))


def _time_to_wait(running: Mapping[int, _Running]) -> float:
    next_one = min(run.attempt.deadline for run in running.values()) + _GRACE
    # In turns: a Ctrl-C that comes just before a wait begins is only noticed when that ends.
    return min(max(next_one - time.monotonic(), 0.0), _TURN)


def _remember(trials: Mapping[str, Trial], options: TrialOptions) -> None:
    """Keep `{"at", "result", "level"}` by the backend's reference of each secret; not being able to is no failure.

    That a value is well formed does not take back what a service said of it: an `ok` of the level `format` leaves a
    remembered result of the level `probe` alone.
    """
    now = times.time_text(options.clock())
    kept = {reference: trial for reference, trial in trials.items() if reference != NO_REFERENCE}
    if not kept:
        return
    with suppress(StorageError, LockTimeout), state.test_results(options.state_folder).changing() as table:
        for reference, trial in kept.items():
            before = table.get(reference)
            is_probed = isinstance(before, dict) and before.get("level") == PROBE
            if not (is_probed and trial.result == OK and trial.level == FORMAT):
                table[reference] = {"at": now, "result": trial.result, "level": trial.level}
