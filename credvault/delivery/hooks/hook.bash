# credvault's hook for bash 3.2 and later: in ~/.bashrc, eval "$(credvault shellenv bash)".
#
# At each prompt: has the project's file, what it says or the signal of 'trust' and 'unlock' changed? That is asked with
# builtins alone, and no process is started. If so, what was loaded is taken back, and credvault prints what to load.
# Names begin with __credvault, locals too, for a variable that is loaded must not be one of them. None is exported
# but __CREDVAULT_LOADED, names only: by it, a shell within this one knows what to take back.

__credvault_hook() {
  local __credvault_status=$? __credvault_options=$-
  local - 2>/dev/null # where it is known (4.4), Ctrl-C puts the options back too
  { set +aeuvxET; } 2>/dev/null # no trace shows a value, no -a exports a former one
  __credvault_look
  __credvault_options=${__credvault_options//[!aeuvxET]/}
  [ -z "$__credvault_options" ] || set "-$__credvault_options"
  # Bash keeps $? for the prompt itself; with -e, returning it would end the shell.
  case $__credvault_options in *e*) return 0 ;; esac
  return "$__credvault_status"
}

credvault_reload() {
  unset __credvault_folder
  __credvault_hook
}

__credvault_look() {
  local __credvault_now __credvault_content='' __credvault_up=.
  { IFS= read -r __credvault_now <@SIGNAL@; } 2>/dev/null
  # Upwards by '..', which leads where the files are, whatever links led here; in a folder that was removed, nowhere.
  until [ -e "$__credvault_up/.credvault.toml" ]; do
    if [ "$__credvault_up" -ef "$__credvault_up/.." ] || ! [ -d "$__credvault_up/.." ]; then
      __credvault_up=''
      break
    fi
    __credvault_up=$__credvault_up/..
  done
  [ -z "$__credvault_up" ] || __credvault_read "$__credvault_up"
  # As at the last prompt? There is none before the first one, and none to load anew.
  if { [ "$__credvault_up" = "${__credvault_folder-none}" ] || [ "$__credvault_up" -ef "${__credvault_folder-}" ]; } &&
    [ "$__credvault_content" = "${__credvault_seen-}" ]; then
    if [ -z "$__credvault_up" ] || [ "$__credvault_state" = loaded ] ||
      [ "$__credvault_now" = "$__credvault_signal" ]; then
      return 0
    fi
  else
    __credvault_unload
    __credvault_folder=${__credvault_up:+$PWD/$__credvault_up} __credvault_seen=$__credvault_content
    __credvault_state=''
    [ -n "$__credvault_up" ] || return 0
  fi
  __credvault_signal=$__credvault_now
  __credvault_load "$__credvault_state"
}

__credvault_read() {
  __credvault_content=''
  # What is not the user's is passed over by credvault, and may be of any size.
  if [ -f "$1/.credvault.toml" ] && [ -O "$1/.credvault.toml" ] && [ -r "$1/.credvault.toml" ]; then
    { IFS= read -r -d '' __credvault_content <"$1/.credvault.toml"; } 2>/dev/null
    __credvault_content=+$__credvault_content
  fi
}

__credvault_load() {
  __credvault_state=failed # until the code says otherwise
  eval "$(command credvault shellenv bash --load --no-input --told="$1" </dev/null)"
}

__credvault_save() {
  local __credvault_declared IFS=' '
  __credvault_declared=$(declare -p "$1" 2>/dev/null)
  case $__credvault_declared in
  '') __credvault_had+=('') ;;
  'declare -- '*) __credvault_had+=(plain) ;;
  'declare -x '*) __credvault_had+=(exported) ;;
  *)
    echo "credvault: $1 is not a plain variable of this shell, so it is not loaded" >&2
    return 1
    ;;
  esac
  __credvault_was+=("${!1-}")
  __credvault_names+=("$1")
  export __CREDVAULT_LOADED="${__credvault_names[*]}"
}

__credvault_unload() {
  local __credvault_i __credvault_name
  if [ "${#__credvault_names[@]}" -eq 0 ] && [ -n "${__CREDVAULT_LOADED-}" ]; then
    # What the shell around this one loaded: what was there before, only that one knows.
    IFS=' ' read -r -a __credvault_names <<<"$__CREDVAULT_LOADED"
  fi
  for __credvault_i in "${!__credvault_names[@]}"; do
    __credvault_name=${__credvault_names[__credvault_i]}
    case ${__credvault_had[__credvault_i]-} in
    exported) export "$__credvault_name=${__credvault_was[__credvault_i]}" ;;
    plain) export -n "$__credvault_name=${__credvault_was[__credvault_i]}" ;;
    *) case $__credvault_name in [!A-Za-z_]* | *[!A-Za-z0-9_]*) ;; *) unset -v "$__credvault_name" ;; esac ;;
    esac
    unset "__credvault_names[$__credvault_i]"
  done
  unset __credvault_names __credvault_had __credvault_was __CREDVAULT_LOADED
}

case "$(declare -p PROMPT_COMMAND 2>/dev/null)" in
*__credvault_hook*) ;;
'declare -a'*) PROMPT_COMMAND=(__credvault_hook "${PROMPT_COMMAND[@]}") ;;
*) PROMPT_COMMAND="__credvault_hook${PROMPT_COMMAND:+;$PROMPT_COMMAND}" ;;
esac
