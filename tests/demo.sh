#!/bin/sh
# A first walk through credvault, on a vault in a temporary folder that is removed afterwards. Each command is printed
# before it runs, and runs exactly as printed. The user's own vault, settings and agent are out of reach.
set -eu

sandbox=$(mktemp -d "${TMPDIR:-/tmp}/credvault-demo.XXXXXX")
trap 'rm -rf "$sandbox"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

for variable in $(env | sed -n 's/^\(CREDVAULT_[A-Z_]*\)=.*/\1/p'); do
  unset "$variable"
done
export HOME="$sandbox"
export XDG_CONFIG_HOME="$sandbox/config" XDG_DATA_HOME="$sandbox/data" XDG_STATE_HOME="$sandbox/state"
export XDG_CACHE_HOME="$sandbox/cache" XDG_RUNTIME_DIR="$sandbox/run"
export CREDVAULT_NO_INPUT=1
mkdir -m 700 "$XDG_RUNTIME_DIR"
cd "$sandbox"

say() {
  printf '\n# %s\n' "$1"
}

run() {
  printf '$ %s\n' "$1"
  eval "$1"
}

say 'Make a vault. The key is printed once; whoever holds it can open the vault.'
run 'CREDVAULT_KEY=$(credvault init --generate-key)'
run 'export CREDVAULT_KEY'

say 'Store an API key that programs get as a variable, and a password that nobody has to think of.'
run "printf 'demo-key-one' | credvault add openai/api_key --type api_key --env OPENAI_API_KEY --stdin"
run 'credvault add shop/db/password --type password --generate --length 32'

say 'What is there: names and facts, never a value.'
run 'credvault list'

say 'Only the value, for a pipe or a variable.'
run 'credvault get openai/api_key --newline'

say 'A new value becomes the next version; the old one stays at hand.'
run "printf 'demo-key-two' | credvault rotate openai/api_key --stdin"
run 'credvault get openai/api_key --newline'
run 'credvault get openai/api_key --version 1 --newline'

say 'Run a program with the secrets it may have, and without the key of the vault.'
run "credvault exec -- sh -c 'echo \"OPENAI_API_KEY=\$OPENAI_API_KEY CREDVAULT_KEY=\${CREDVAULT_KEY-unset}\"'"

say 'On disk there is no value to be found.'
run "! grep -r 'demo-key' . && echo 'nothing found'"
