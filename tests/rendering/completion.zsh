#compdef credvault
# Completions for credvault in zsh, made from the program by `make docs`.
#
# No program is started here, but where a secret's name, a namespace or a profile is completed: then `credvault` from
# PATH is asked, which answers from what is unlocked already, in a moment or not at all.

_credvault() {
  local curcontext=$curcontext state ret=1
  local -A opt_args
  local -a line flags
  _credvault_flags
  _arguments -C -s -S \
    $_credvault_global \
@PROGRAM@
    '(-): :_credvault_below' \
    '(-)*:: :->rest' && ret=0
  if [[ $state == rest ]]; then _credvault_rest $words[1] && ret=0; fi
  return ret
}

# What may follow a command.
_credvault_rest() {
  local curcontext=${curcontext%:*}-$1:
  case $1 in
@COMMANDS@
  (*) return 1 ;;
  esac
}

@BELOW@
# Collects the options before the cursor that say which vault is meant, for the program.
_credvault_flags() {
  local word option=''
  for word in "${(@Q)words[2,CURRENT-1]}"; do
    if [[ -n $option ]]; then
      flags+=("$option=$word") option=''
      continue
    fi
    case $word in
    (--) return ;;
@FLAGS@
    esac
  done
}

# Offers names, namespaces or profiles.
_credvault_ask() {
  local expl ret=1
  local -a offers whole part
  # An option is no name; the shell asks all the same.
  [[ $PREFIX != -* ]] && (( $+commands[credvault] )) || return 1
  offers=("${(@f)$(command credvault __complete $1 "${(Q)PREFIX}" $flags </dev/null 2>/dev/null)}")
  whole=("${(@)${(@M)offers:#* }% }")
  part=("${(@)offers:#(* |)}")
  _description $1 expl $1
  [[ -n $whole ]] && compadd "$expl[@]" -a whole && ret=0
  [[ -n $part ]] && compadd "$expl[@]" -S '' -a part && ret=0
  return ret
}

_credvault_assigned() {
  compset -P '*=' && _credvault_ask name
}

typeset -ga _credvault_global
_credvault_global=(
@GLOBAL@
)

if [[ $funcstack[1] == _credvault ]]; then
  _credvault "$@"
elif (( $+functions[compdef] )); then
  compdef _credvault credvault
fi
