# Completions for credvault in bash 4 or newer, made from the program by `make docs`. bash-completion is not needed.
#
# No program is started here, but where a secret's name, a namespace or a profile is completed: then `credvault` from
# PATH is asked, which answers from what is unlocked already, in a moment or not at all.

@DATA@

_credvault() {
  local IFS=$' \t\n' command='' option='' kind='' cur='' lead='' base='' plain='' quote='' options=yes
  local redirection='^[0-9]*[<>]' redirection_alone='^[0-9]*[<>]+&?$'
  local count=0 opened=0 last i
  local -a words=() starts=() places=() flags=() arguments=() offers=()
  COMPREPLY=()
  _credvault_split
  last=$((${#words[@]} - 1))
  if [[ $last -lt 1 ]]; then return 0; fi
  for ((i = 1; i < last; i++)); do
    _credvault_plain "${words[i]}"
    if [[ $option == '>' ]]; then
      option=''
    elif [[ -n $option ]]; then
      _credvault_note "$option" "$plain"
      option=''
    elif [[ ${words[i]} =~ $redirection_alone ]]; then
      option='>'
    elif [[ ${words[i]} =~ $redirection ]]; then
      continue
    elif [[ -n $options && $plain == -- ]]; then
      options=''
    elif [[ -n $options && $plain == --*=* ]]; then
      _credvault_note "${plain%%=*}" "${plain#*=}"
    elif [[ -n $options && $plain == -?* ]]; then
      _credvault_option "$plain"
    elif _credvault_is_group "$command"; then
      command=${command:+$command }$plain
    elif _credvault_runs "$command"; then
      _credvault_child "$i"
      return 0
    else
      count=$((count + 1))
    fi
  done

  _credvault_plain "${words[last]}"
  cur=$plain
  if [[ $option == '>' || ${words[last]} =~ $redirection ]]; then
    _credvault_complete file
  elif [[ -n $option ]]; then
    _credvault_takes "$command" "$option"
    _credvault_complete "$kind"
  elif [[ -n $options && $cur == --*=* ]]; then
    _credvault_takes "$command" "${cur%%=*}"
    lead=${cur%%=*}= cur=${cur#*=}
    _credvault_complete "$kind"
  elif [[ -n $options && $cur == -* ]]; then
    _credvault_options "$command"
    _credvault_words
  elif _credvault_is_group "$command"; then
    _credvault_words
  elif _credvault_runs "$command"; then
    _credvault_child "$last"
  else
    _credvault_arguments "$command"
    if [[ ${#arguments[@]} -gt 0 ]]; then
      if [[ $count -ge ${#arguments[@]} && ${arguments[${#arguments[@]} - 1]} == *... ]]; then
        count=$((${#arguments[@]} - 1))
      fi
      if [[ $count -lt ${#arguments[@]} ]]; then _credvault_complete "${arguments[count]%...}"; fi
    fi
  fi
  return 0
}

# Cuts the line up to the cursor into `words`: COMP_WORDS is cut at `=`, `:` and `@` too. `starts` are their places in
# COMP_WORDS, `places` those in COMP_LINE.
_credvault_split() {
  local rest=${COMP_LINE:0:COMP_POINT} trimmed raw i n=-1
  rest=${COMP_WORDS[0]}${rest#*"${COMP_WORDS[0]}"}
  for ((i = 0; i <= COMP_CWORD; i++)); do
    raw=${COMP_WORDS[i]}
    trimmed=${rest#"${rest%%[![:space:]]*}"}
    if [[ $n -lt 0 || $trimmed != "$rest" ]]; then
      n=$((n + 1))
      words[n]=''
      starts[n]=$i
      places[n]=$((COMP_POINT - ${#trimmed}))
    fi
    if [[ $i -eq $COMP_CWORD ]]; then raw=$trimmed; fi
    words[n]+=$raw
    rest=${trimmed#"$raw"}
  done
}

# Sets `plain` to a word without its quoting, of which nothing is expanded. Where a quote is still open, `quote` is it,
# and `opened` how much of `plain` stands before it.
_credvault_plain() {
  local rest=$1 char
  plain='' quote=''
  if [[ $rest != *[\\\'\"]* ]]; then
    plain=$rest
    return 0
  fi
  while [[ -n $rest ]]; do
    char=${rest:0:1} rest=${rest:1}
    if [[ $quote == "$char" ]]; then
      quote=''
    elif [[ -z $quote && ($char == \' || $char == \") ]]; then
      quote=$char opened=${#plain}
    elif [[ $char == \\ && ($quote == '' || $quote == \" && ${rest:0:1} == [\"\\\$\`]) ]]; then
      plain+=${rest:0:1} rest=${rest:1}
    else
      plain+=$char
    fi
  done
}

# Takes an option without `=`: sets `option` if its value is the next word.
_credvault_option() {
  kind=''
  if [[ $1 == --* ]]; then
    _credvault_takes "$command" "$1"
    if [[ -n $kind ]]; then option=$1; else _credvault_note "$1" 1; fi
    return 0
  fi
  _credvault_takes "$command" "${1:0:2}"
  if [[ -n $kind && ${#1} -gt 2 ]]; then
    _credvault_note "${1:0:2}" "${1:2}"
    return 0
  fi
  _credvault_takes "$command" "-${1:${#1}-1}"
  if [[ -n $kind ]]; then option=-${1:${#1}-1}; fi
}

_credvault_is_group() {
  local -a below=()
  _credvault_below "$1"
  offers=(${below[@]+"${below[@]/%/ }"})
  [[ ${#below[@]} -gt 0 ]]
}

# Offers what completes a word of some kind; `lead` stands before it in the same word.
_credvault_complete() {
  local -a offers=()
  local line
  case $1 in
  choice:*)
    IFS=, read -r -a offers <<<"${1#choice:}"
    offers=("${offers[@]/%/ }")
    _credvault_words
    ;;
  name | namespace | profile)
    if ! type -P credvault >/dev/null; then return 0; fi
    while IFS= read -r line; do
      if [[ -n $line ]]; then offers+=("$line"); fi
    done <<<"$(command credvault __complete "$1" "$cur" ${flags[@]+"${flags[@]}"} </dev/null 2>/dev/null)"
    _credvault_words
    ;;
  assigned)
    if [[ $cur == *=* ]]; then
      lead+=${cur%%=*}= cur=${cur#*=}
      _credvault_complete name
    fi
    ;;
  variable)
    while IFS= read -r line; do
      if [[ -n $line ]]; then offers+=("$line "); fi
    done <<<"$(compgen -e -- "$cur")"
    _credvault_words
    ;;
  file) compopt -o default +o nospace ;;
  folder) compopt -o dirnames +o nospace ;;
  esac
}

# Puts those of `offers` into COMPREPLY that start with what is typed, quoted, and without what readline leaves as it
# is: what stands before the last character at which it cuts words.
_credvault_words() {
  local raw=${words[${#words[@]} - 1]} offer text rest
  rest=${raw//\\?/__} # at what follows a backslash it does not
  rest=${rest##*[$COMP_WORDBREAKS]}
  base=${raw:0:${#raw}-${#rest}}
  base=${base%@} # which goes with what follows it
  for offer in ${offers[@]+"${offers[@]}"}; do
    text=${offer% }
    if [[ $text != "$cur"* ]]; then continue; fi
    if [[ -n $quote ]]; then
      # Within quotes only what needs none.
      if [[ $text == *[!A-Za-z0-9_.@+/-]* ]]; then continue; fi
      text=${plain%"$cur"}$text
      COMPREPLY+=("${text:opened}")
      continue
    fi
    printf -v text %q "$text"
    text=$lead$text
    if [[ $text == "$base"* ]]; then
      text=${text#"$base"}
      if [[ $offer == *' ' ]]; then text+=' '; fi
      COMPREPLY+=("$text")
    fi
  done
}

# Completes the command line that starts at the word $1: the program, then what it completes itself.
_credvault_child() {
  local spec name last
  local -a found=()
  compopt +o nospace
  if declare -F _comp_command_offset >/dev/null; then
    _comp_command_offset "${starts[$1]}" || true
    return 0
  elif declare -F _command_offset >/dev/null; then
    _command_offset "${starts[$1]}" || true
    return 0
  fi
  COMP_LINE=${COMP_LINE:${places[$1]}}
  COMP_POINT=$((COMP_POINT - ${places[$1]}))
  COMP_CWORD=$((COMP_CWORD - ${starts[$1]}))
  COMP_WORDS=("${COMP_WORDS[@]:${starts[$1]}}")
  if [[ $COMP_CWORD -eq 0 ]]; then
    compopt -o filenames
    while IFS= read -r name; do
      if [[ -n $name ]]; then COMPREPLY+=("$name"); fi
    done <<<"$(compgen -c -- "${COMP_WORDS[0]}")"
    return 0
  fi
  name=${COMP_WORDS[0]}
  spec=$(complete -p -- "$name" 2>/dev/null || complete -p -- "${name##*/}" 2>/dev/null || true)
  while [[ $spec =~ \ -o\ ([a-z]+)(.*) ]]; do
    compopt -o "${BASH_REMATCH[1]}"
    spec=${spec%%" -o ${BASH_REMATCH[1]}"*}${BASH_REMATCH[2]}
  done
  if [[ $spec =~ \ -F\ ([^[:space:]]+) ]]; then
    last=${COMP_WORDS[COMP_CWORD - 1]}
    "${BASH_REMATCH[1]}" "$name" "${COMP_WORDS[COMP_CWORD]}" "$last" || true
  else
    compopt -o default
  fi
}

if [[ ${BASH_VERSINFO[0]} -ge 4 ]]; then complete -o nospace -F _credvault credvault; fi
