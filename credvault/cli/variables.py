"""The environment variables that the program reads, each with one line of help; the man page has them from here."""

UNLOCKING = {
    "CREDVAULT_KEY": "a raw key, as 'credvault init --generate-key' prints it",
    "CREDVAULT_KEY_FILE": "a file with a raw key, which others may not read",
    "CREDVAULT_PASSPHRASE": "a passphrase",
    "CREDVAULT_PASSPHRASE_FILE": "a file with a passphrase, less one final newline",
    "CREDVAULT_PASSPHRASE_COMMAND": "a program that prints a passphrase; run without a shell",
}
"""What unlocks the vault file: the first that is set, after --key-file and before the prompt (spec.md 6)."""

SETTINGS = {
    "CREDVAULT_PROFILE": "the profile of config.toml to use, as --profile",
    "CREDVAULT_VAULT": "the vault file to use, as --vault",
    "CREDVAULT_BACKEND": "the backend to use, as --backend",
    "CREDVAULT_NAMESPACE": "the namespace of names without one, as -n",
    "CREDVAULT_CONFIG": "the settings file to read in the place of config.toml",
    "CREDVAULT_AGENT_SOCKET": "where the agent's socket is; an absolute path",
    "CREDVAULT_NO_INPUT": "never ask, as --no-input; 0 and nothing mean no",
    "CI": "set to anything, as CREDVAULT_NO_INPUT",
    "GITHUB_ENV": "the file that 'export --format github-actions' appends to",
    "TENANT_ALLOWED_MOUNTS": "the mounts that secret URIs may name, with commas; empty allows none (secret)",
    "SECRET_TENANT_SALT": "the salt under which the trail knows secret URIs (one that is made at first use)",
    "TENANT_SALT": "another name for SECRET_TENANT_SALT",
    "NO_COLOR": "set to anything: no colours, unless --color says otherwise",
    "XDG_CONFIG_HOME": "where the folder of config.toml is, on Linux (~/.config)",
    "XDG_DATA_HOME": "where the folder of the vault file is, on Linux (~/.local/share)",
    "XDG_STATE_HOME": "where the folder of pins, trail and test results is, on Linux (~/.local/state)",
    "XDG_RUNTIME_DIR": "where the folder of the agent's socket is; without it, it is in the folder of the pins",
}
"""What stands between the settings files and the options (spec.md 9)."""

SERVERS = {
    "ADDR": "the server, as https://HOST:PORT; VAULT_URL is another name for VAULT_ADDR",
    "TOKEN": "a token",
    "ROLE_ID": "the role of a login by AppRole",
    "SECRET_ID": "the secret id of that role",
    "NAMESPACE": "the namespace of the server",
    "CACERT": "a file with the authority that is trusted",
    "CACERT_BYTES": "the same, as the PEM text itself",
    "CAPATH": "a folder of such files",
    "CLIENT_CERT": "a file with the certificate that the server is shown",
    "CLIENT_KEY": "its key, mode 0600",
    "TLS_SERVER_NAME": "the name that the server's certificate must have (that of the host)",
    "KV_MOUNT": "where the KV engine is (secret)",
    "PATH_PREFIX": "the path below it (credvault)",
    "TIMEOUT": "how long an answer may take, as 30 or 2m (30s)",
    "CLIENT_TIMEOUT": "another name for it",
    "RENEW": "whether the token is kept alive for a program that goes on (true)",
    "SKIP_VERIFY": "true: the certificate is not checked, which is warned of (false)",
    "VERIFY_SSL": "false: the same (true)",
    "TOKEN_PATH": "the file that 'bao login' and 'vault login' keep (~/.vault-token)",
    "CONFIG_PATH": "the file that names a token helper (~/.bao, ~/.vault)",
}
"""For the backend hashicorp, with BAO_ or VAULT_ before them: those of the family that names the server."""
