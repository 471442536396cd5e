# credvault's hook for zsh: in ~/.zshrc, eval "$(credvault shellenv zsh)".
#
# At each prompt and after each cd: has the project's file, what it says or the signal of 'trust' and 'unlock' changed?
# That is asked with builtins alone, and no process is started. If so, what was loaded is taken back, and credvault
# prints what to load. Names begin with __credvault, locals too, for a variable that is loaded must not be one of them.
# None is exported but __CREDVAULT_LOADED, names only: by it, a shell within this one knows what to take back.

__credvault_hook() {
  local __credvault_status=$?
  emulate -L zsh
  # No trace shows a value, no allexport exports a former one.
  setopt no_xtrace no_verbose no_all_export no_err_exit no_err_return unset
  __credvault_look
  return $__credvault_status
}

credvault_reload() {
  unset __credvault_folder
  __credvault_hook
}

__credvault_look() {
  local __credvault_now='' __credvault_content='' __credvault_up=.
  { __credvault_now="$(<@SIGNAL@)" } 2>/dev/null
  # Upwards by '..', which leads where the files are, whatever links led here; in a folder that was removed, nowhere.
  until [[ -e $__credvault_up/.credvault.toml ]]; do
    if [[ $__credvault_up -ef $__credvault_up/.. || ! -d $__credvault_up/.. ]]; then
      __credvault_up=''
      break
    fi
    __credvault_up+=/..
  done
  [[ -z $__credvault_up ]] || __credvault_read $__credvault_up
  # As at the last prompt? There is none before the first one, and none to load anew.
  if [[ ( $__credvault_up == "${__credvault_folder-none}" || $__credvault_up -ef $__credvault_folder ) &&
    $__credvault_content == "$__credvault_seen" ]]; then
    if [[ -z $__credvault_up || $__credvault_state == loaded || $__credvault_now == "$__credvault_signal" ]]; then
      return 0
    fi
  else
    __credvault_unload
    typeset -g __credvault_folder=${__credvault_up:+$PWD/$__credvault_up} __credvault_seen=$__credvault_content
    typeset -g __credvault_state=''
    [[ -n $__credvault_up ]] || return 0
  fi
  typeset -g __credvault_signal=$__credvault_now
  __credvault_load $__credvault_state
}

__credvault_read() {
  __credvault_content=''
  # What is not the user's is passed over by credvault, and may be of any size.
  if [[ -f $1/.credvault.toml && -O $1/.credvault.toml && -r $1/.credvault.toml ]]; then
    { __credvault_content="+$(<$1/.credvault.toml)" } 2>/dev/null
  fi
}

__credvault_load() {
  typeset -g __credvault_state=failed # until the code says otherwise
  eval "$(command credvault shellenv zsh --load --no-input --told="$1" </dev/null)"
}

__credvault_save() {
  typeset -gA __credvault_had __credvault_was
  case ${(Pt)1} in
  '') __credvault_had[$1]=none ;;
  scalar) __credvault_had[$1]=plain ;;
  scalar-export) __credvault_had[$1]=exported ;;
  *)
    print -ru2 -- "credvault: $1 is not a plain variable of this shell, so it is not loaded"
    return 1
    ;;
  esac
  __credvault_was[$1]=${(P)1}
  typeset -gx __CREDVAULT_LOADED=${(k)__credvault_had}
}

__credvault_unload() {
  local __credvault_name
  typeset -gA __credvault_had __credvault_was
  if (( ! ${#__credvault_had} )); then
    # What the shell around this one loaded: what was there before, only that one knows.
    for __credvault_name in ${=__CREDVAULT_LOADED}; do
      [[ $__credvault_name != [A-Za-z_]* || $__credvault_name == *[^A-Za-z0-9_]* ]] || __credvault_had[$__credvault_name]=none
    done
  fi
  for __credvault_name in ${(k)__credvault_had}; do
    case ${(Pt)__credvault_name}:$__credvault_had[$__credvault_name] in
    *-readonly*:*) print -ru2 -- "credvault: $__credvault_name was made read-only, so it stays as it is" ;;
    *:exported) typeset -gx -- "$__credvault_name=$__credvault_was[$__credvault_name]" ;;
    *:plain) typeset -g +x -- "$__credvault_name=$__credvault_was[$__credvault_name]" ;;
    *) unset -v -- $__credvault_name ;;
    esac
    unset "__credvault_had[$__credvault_name]"
  done
  unset __credvault_had __credvault_was __CREDVAULT_LOADED
}

# First, for the others are to find $? as it was.
typeset -ga precmd_functions chpwd_functions
(( ${precmd_functions[(Ie)__credvault_hook]} )) || precmd_functions=(__credvault_hook $precmd_functions)
(( ${chpwd_functions[(Ie)__credvault_hook]} )) || chpwd_functions=(__credvault_hook $chpwd_functions)
