"""Every recipe of docs/automation.md, taken from the page and run as far as that can be without the service itself.

`./deploy` and `./serve` are programs that write down what they were given.
"""

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from tests.conftest import PROGRAM, Cli
from tests.pages import ROOT, headings, recipe
from tests.patience import SECONDS

TOKEN = b"token-4711 $(touch marker) 'quoted'"
URL = b"postgres://app:p%40ss@db/app"
PLAIN_TOKEN = b"token-4711"  # for what can carry only that


class Checkout:
    """A project as the recipes have it, with its vault beside the code; what its programs were given."""

    def __init__(self, cli: Cli, folder: Path) -> None:
        self.cli, self.folder = cli, folder
        folder.mkdir()
        (folder / ".credvault.toml").write_text(recipe("Recipes", "toml"), encoding="utf-8")
        (folder / ".credvault.toml").chmod(0o600)
        self.key = (
            cli("init", "--generate-key", cwd=folder, check=True, env={"CREDVAULT_KEY": None}).stdout.decode().strip()
        )
        self.store("deploy/token", TOKEN)
        self.store("db/url", URL)
        for program in ("deploy", "serve"):
            path = folder / program
            path.write_text("#!/bin/sh\nenv -0 >given\ntr '\\0' ' ' </proc/$$/cmdline >words\n", encoding="utf-8")
            path.chmod(0o755)
        self.env = {name: value for name, value in cli.env.items() if not name.startswith("CREDVAULT_")}

    def store(self, name: str, value: bytes) -> None:
        """Put a secret in, one that may be a variable."""
        env = {"CREDVAULT_KEY": self.key}
        self.cli(
            "add", name, "--force", "--stdin-raw", "--runtime-env", stdin=value, cwd=self.folder, env=env, check=True
        )

    def key_file(self, name: str) -> Path:
        """Put the key in a file, and return it."""
        path = self.folder.parent / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{self.key}\n", encoding="ascii")
        path.chmod(0o600)
        return path

    def run(
        self, words: list[str], env: Mapping[str, str] = {}, cwd: Path | None = None
    ) -> "subprocess.CompletedProcess[bytes]":
        """Run a program in the project or elsewhere, without a terminal and without a key but that of `env`."""
        return subprocess.run(
            words,
            cwd=cwd or self.folder,
            env={**self.env, **env},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SECONDS,
            start_new_session=True,
            check=False,
        )

    def given(self) -> dict[str, bytes]:
        """Return the variables that a program was given last, the key among them if it was."""
        path = self.folder / "given"
        entries = [entry.partition(b"=") for entry in path.read_bytes().split(b"\0") if entry]
        path.unlink()
        return {name.decode(): value for name, _, value in entries}

    def secrets_given(self) -> dict[str, bytes]:
        """Return the secrets that a program was given last; nothing that unlocks may be among what else there was."""
        given = self.given()
        assert self.key.encode() not in given.values()
        assert not list(self.folder.rglob("marker"))
        return {name: given[name] for name in ("DEPLOY_TOKEN", "DATABASE_URL") if name in given}


BOTH = {"DEPLOY_TOKEN": TOKEN, "DATABASE_URL": URL}


@pytest.fixture
def checkout(cli: Cli) -> Checkout:
    return Checkout(cli, cli.cwd / "shop")


def need(program: str) -> str:
    """Return the path of a program; without it the test is skipped, but not where CI=true."""
    found = shutil.which(program)
    if not found and os.environ.get("CI") != "true":
        pytest.skip(f"needs {program}")
    assert found, program
    return found


def read_github_env(text: str) -> dict[str, bytes]:
    """Return what the runner reads in the file of GITHUB_ENV: NAME<<DELIMITER, the value's lines, DELIMITER."""
    variables, lines = {}, iter(text.split("\n"))
    for line in lines:
        if line:
            name, arrows, delimiter = line.partition("<<")
            assert arrows, line
            value = []
            while (line := next(lines)) != delimiter:
                value.append(line)
            variables[name] = "\n".join(value).encode()
    return variables


def test_github_actions(checkout: Checkout, tmp_path: Path) -> None:
    workflow = yaml.safe_load(recipe("GitHub Actions", "yaml"))
    (job,) = workflow["jobs"].values()
    assert workflow["permissions"] == {"contents": "read"}
    github_env = tmp_path / "github.env"
    github_env.touch()
    seen, log = [], b""

    for step in job["steps"]:
        if "run" not in step:
            continue
        # The runner puts the expression's value in its place; later steps have the file's variables.
        own = {
            name: text.replace("${{ secrets.CREDVAULT_KEY }}", checkout.key)
            for name, text in step.get("env", {}).items()
        }
        handed_on = {name: os.fsdecode(value) for name, value in read_github_env(github_env.read_text()).items()}
        done = checkout.run(
            ["bash", "-e", "-c", step["run"]], {"CI": "true", "GITHUB_ENV": str(github_env), **handed_on, **own}
        )
        assert done.returncode == 0, done
        log += done.stdout + done.stderr
        if "deploy" in step["run"]:
            seen.append(checkout.secrets_given())

    assert seen == [BOTH, BOTH]
    # In the log a secret is only where it is told to be hidden.
    assert b"::add-mask::" + TOKEN in log.splitlines()
    assert TOKEN not in b"".join(line for line in log.splitlines() if not line.startswith(b"::add-mask::"))


def test_gitlab(checkout: Checkout) -> None:
    checkout.store("deploy/token", PLAIN_TOKEN)
    jobs = yaml.safe_load(recipe("GitLab", "yaml"))

    for job in jobs.values():
        # The runner joins the lines into one script of the shell that the image has.
        done = checkout.run(
            ["dash", "-e", "-c", "\n".join(job["script"])], {"CI": "true", "CREDVAULT_KEY": checkout.key}
        )
        assert (done.returncode, done.stdout) == (0, b""), done

    assert checkout.secrets_given() == {**BOTH, "DEPLOY_TOKEN": PLAIN_TOKEN}
    report = checkout.folder / jobs["secrets"]["artifacts"]["reports"]["dotenv"]
    assert report.read_bytes() == b"DEPLOY_TOKEN=%s\nDATABASE_URL=%s\n" % (PLAIN_TOKEN, URL)
    assert report.stat().st_mode & 0o777 == 0o600


def test_jenkins(checkout: Checkout) -> None:
    (step,) = re.findall(r"^ *sh '([^']*)'$", recipe("Jenkins", "groovy"), re.MULTILINE)
    (variable,) = re.findall(r"variable: '(\w+)'", recipe("Jenkins", "groovy"))

    done = checkout.run(["sh", "-xe", "-c", step], {variable: checkout.key})  # -x and -e are Jenkins' own

    assert done.returncode == 0, done
    assert TOKEN not in done.stdout + done.stderr
    assert checkout.secrets_given() == BOTH


def test_docker(checkout: Checkout) -> None:
    lines = [line.split(" ", 1) for line in recipe("Docker", "dockerfile").splitlines()]
    steps = dict(lines)
    key_file = checkout.key_file("mounted/credvault_key")
    environment = dict(part.split("=", 1) for part in shlex.split(steps["ENV"]))
    # Where the image has /app and the container /run/secrets, there is the checkout, and a file beside it.
    places = {"/app/": f"{checkout.folder}/", "/run/secrets/credvault_key": str(key_file)}
    here = {name: replaced(text, places) for name, text in environment.items()}
    here["XDG_STATE_HOME"] = str(checkout.cli.home / "state")  # the container's own /tmp
    entrypoint = checkout.folder / "entrypoint.sh"
    entrypoint.write_text(recipe("Docker", "sh"), encoding="utf-8")
    entrypoint.chmod(0o755)
    words = [replaced(word, places) for step in ("ENTRYPOINT", "CMD") for word in yaml.safe_load(steps[step])]

    done = checkout.run(words, here)

    assert done.returncode == 0, done
    assert [step for step, _ in lines] == ["FROM", "WORKDIR", "COPY", "USER", "ENV", "ENTRYPOINT", "CMD"]
    assert steps["COPY"].startswith(f"--chown={steps['USER']} ")  # a project's file is its user's
    assert (checkout.folder / "words").read_bytes().split() == [b"/bin/sh", b"./serve"]
    assert checkout.secrets_given() == BOTH


def replaced(text: str, places: Mapping[str, str]) -> str:
    for there, here in places.items():
        text = text.replace(there, here)
    return text


def test_compose_gives_the_key_where_the_image_looks_for_it() -> None:
    compose = yaml.safe_load(recipe("Compose", "yaml"))
    (service,) = compose["services"].values()
    dockerfile = recipe("Docker", "dockerfile")

    (secret,) = service["secrets"]

    assert f"CREDVAULT_KEY_FILE=/run/secrets/{secret} " in dockerfile
    assert set(compose["secrets"]) == {secret}


@pytest.mark.parametrize("owner", ["the user", "root"])
def test_systemd(checkout: Checkout, tmp_path: Path, owner: str) -> None:
    unit = recipe("systemd", "ini")
    key_file = checkout.key_file("credentials/credvault.key")
    # As systemd has it where its folder of credentials knows access control lists: readable by the group, it seems.
    key_file.chmod(0o400 if owner == "the user" else 0o440)
    settings = dict(re.findall(r"^(\w+)=(.*)$", unit, re.MULTILINE))
    places = {
        "/etc/credvault/shop.json": str(checkout.folder / "secrets.json"),
        "/var/lib/shop": str(tmp_path / "state"),
        "/opt/shop": str(checkout.folder),
    }
    environment = dict(part.split("=", 1) for part in shlex.split(replaced(settings["Environment"], places)))
    # systemd takes $$ for one $; the words are quoted as for a shell (systemd.service(5), "Command lines").
    words = [word.replace("$$", "$") for word in shlex.split(replaced(settings["ExecStart"], places))]

    done = checkout.run(words, {**environment, "CREDENTIALS_DIRECTORY": str(key_file.parent)}, cwd=tmp_path)

    assert done.returncode == 0, done
    assert settings["LoadCredential"].startswith(f"{key_file.name}:")
    (tmp_path / "given").rename(checkout.folder / "given")
    assert checkout.secrets_given() == {"DATABASE_URL": URL}
    assert (tmp_path / "state/credvault").is_dir()


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    analyze = need("systemd-analyze")
    (tmp_path / "shop.service").write_text(recipe("systemd", "ini"), encoding="utf-8")

    done = subprocess.run(
        [analyze, "verify", "--man=no", str(tmp_path / "shop.service")],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        env={**os.environ, "HOME": str(tmp_path)},
        check=False,
    )

    about_it = [line for line in done.stderr.splitlines() if "shop" in line]
    assert about_it == [], done
    assert done.returncode == 0, done


def test_systemd_would_refuse_a_unit_with_a_mistake(tmp_path: Path) -> None:
    """Else the test above would be about nothing."""
    analyze = need("systemd-analyze")
    unit = recipe("systemd", "ini").replace("LoadCredential=", "LoadCredentials=")
    (tmp_path / "shop.service").write_text(unit, encoding="utf-8")

    done = subprocess.run(
        [analyze, "verify", "--man=no", str(tmp_path / "shop.service")], capture_output=True, text=True, check=False
    )

    assert "LoadCredentials" in done.stderr


def test_direnv(checkout: Checkout) -> None:
    direnv = need("direnv")
    (checkout.folder / ".envrc").write_text(recipe("direnv", "sh"), encoding="utf-8")
    checkout.run([direnv, "allow"])

    done = checkout.run([direnv, "exec", ".", "./deploy"], {"CREDVAULT_KEY": checkout.key})

    assert done.returncode == 0, done
    given = checkout.given()
    assert {name: given[name] for name in BOTH} == BOTH
    assert not list(checkout.folder.rglob("marker"))


def test_direnv_without_a_key_loads_nothing_and_says_so(checkout: Checkout) -> None:
    direnv = need("direnv")
    (checkout.folder / ".envrc").write_text(recipe("direnv", "sh"), encoding="utf-8")
    checkout.run([direnv, "allow"])

    done = checkout.run([direnv, "exec", ".", "./deploy"])

    assert done.returncode != 0
    assert b"credvault: error: the vault is locked" in done.stderr
    assert not (checkout.folder / "given").exists()


def test_cron(checkout: Checkout, tmp_path: Path) -> None:
    key_file = checkout.key_file("cron.key")
    places = {
        "/srv/shop.key": str(key_file),
        "/usr/local/bin/credvault": PROGRAM,
        "/srv/shop": str(checkout.folder),
    }
    assignment, line = replaced(recipe("cron", "crontab"), places).splitlines()
    variable, value = assignment.split("=", 1)
    *when, command = line.split(None, 5)
    assert len(when) == 5
    assert "%" not in command  # which cron takes for a newline
    environment = {"HOME": str(checkout.cli.home), "LOGNAME": "me", "SHELL": "/bin/sh", "PATH": "/usr/bin:/bin"}

    done = subprocess.run(
        ["/bin/sh", "-c", command],
        env={**environment, variable: value},
        cwd=tmp_path,
        capture_output=True,
        timeout=SECONDS,
        check=False,
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")  # cron mails what is printed
    assert checkout.secrets_given() == BOTH


def bootstrap(checkout: Checkout, number: int, places: Mapping[str, str]) -> Path:
    path = checkout.folder / "bootstrap.sh"
    path.write_text(replaced(recipe("In a bootstrap script", "sh", number), places), encoding="utf-8")
    path.chmod(0o755)
    return path


def test_bootstrap_script_starts_a_program_with_the_secrets_of_its_session(checkout: Checkout) -> None:
    (checkout.folder / ".credvault.toml").unlink()
    env = {"CREDVAULT_VAULT": str(checkout.folder / "secrets.json")}
    places = {"/etc/credvault/session.key": str(checkout.key_file("session.key"))}
    script = bootstrap(checkout, 0, places)

    missing = checkout.run([str(script), "./serve"], env)
    for name in ("anthropic/api_key", "openai/api_key"):
        checkout.cli(
            *("add", name, "--stdin-raw", "--runtime-env"),
            stdin=name.encode(),
            env={**env, "CREDVAULT_KEY": checkout.key},
            check=True,
        )
    done = checkout.run([str(script), "./serve"], env)

    assert (missing.returncode, missing.stdout) == (3, b"")
    assert b"anthropic/api_key" in missing.stderr
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    given = checkout.given()
    assert given["ANTHROPIC_API_KEY"] == b"anthropic/api_key"
    assert given["OPENAI_API_KEY"] == b"openai/api_key"
    assert "DATABASE_URL" not in given
    assert "DB_URL" not in given


@pytest.mark.parametrize("shell", ["dash", "bash", "zsh"])
@pytest.mark.parametrize("has_key", [True, False])
def test_login_shell_has_the_common_names_where_the_key_is(checkout: Checkout, shell: str, has_key: bool) -> None:
    need(shell)
    (checkout.folder / ".credvault.toml").unlink()
    env = {"CREDVAULT_VAULT": str(checkout.folder / "secrets.json"), "HOME": str(checkout.folder.parent / "login")}
    checkout.cli(
        *("add", "session/openai_api_key", "--stdin-raw", "--env", "OPENAI_API_KEY"),
        stdin=TOKEN,
        env={**env, "CREDVAULT_KEY": checkout.key},
        check=True,
    )
    if has_key:
        checkout.key_file("login/.config/credvault/session.key")
    profile = bootstrap(checkout, 1, {})

    done = checkout.run([shell, "-c", f". {profile}; ./serve"], env)

    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    given = checkout.given()
    assert given.get("OPENAI_API_KEY") == (TOKEN if has_key else None)
    assert not [name for name in given if name.startswith("CREDVAULT_KEY")]
    assert not list(checkout.folder.rglob("marker"))


def test_every_recipe_of_the_page_is_tested() -> None:
    found = headings(ROOT / "docs" / "automation.md")

    tested = Path(__file__).read_text(encoding="utf-8")
    assert "Recipes" in found
    assert [heading for heading in found[found.index("Recipes") + 1 :] if f'recipe("{heading}"' not in tested] == []
