# Completions for credvault in bash 4 or newer, made from the program by `make docs`. bash-completion is not needed.
#
# No program is started here, but where a secret's name, a namespace or a profile is completed: then `credvault` from
# PATH is asked, which answers from what is unlocked already, in a moment or not at all.

# The commands below one, or of the program itself ('').
_credvault_below() {
  case $1 in
  '') below=(init add get list rotate delete undelete test exec history edit unlock lock agent slot rekey salvage export import copy offline inject redact check shellenv trust uri doctor completion) ;;
  'agent') below=(status stop run) ;;
  'slot') below=(list add change remove) ;;
  'offline') below=(save status forget) ;;
  'uri') below=(check) ;;
  esac
}

# What the words after a command are; `...` for one that may be repeated.
_credvault_arguments() {
  case $1 in
  'add') arguments=(name) ;;
  'get') arguments=(name) ;;
  'list') arguments=(name...) ;;
  'rotate') arguments=(name) ;;
  'delete') arguments=(name...) ;;
  'undelete') arguments=(name) ;;
  'test') arguments=(name...) ;;
  'history') arguments=(name) ;;
  'edit') arguments=(name) ;;
  'slot change') arguments=(text) ;;
  'slot remove') arguments=(text) ;;
  'import') arguments=(choice:dotenv,json,pass,gopass,keepass,bitwarden,1password,fpai,agentskills file) ;;
  'copy') arguments=(name...) ;;
  'offline save') arguments=(name...) ;;
  'redact') arguments=(name...) ;;
  'check') arguments=(name...) ;;
  'shellenv') arguments=(choice:bash,zsh,fish) ;;
  'trust') arguments=(file) ;;
  'uri check') arguments=(text...) ;;
  'completion') arguments=(choice:bash,zsh,fish) ;;
  esac
}

# Whether the words after a command are a command line of their own.
_credvault_runs() {
  case $1 in
  'exec') return 0 ;;
  esac
  return 1
}

# The options of a command.
_credvault_options() {
  offers=()
  case $1 in
  'init') offers=(--generate-key --key-file --keyring --iterations --label) ;;
  'add') offers=(--force --stdin --stdin-raw --from-file --from-env --generate --length --type --service --env --runtime-env --delivery --allow-env --consumer --tag --note --metadata --field --expires --rotate-every --probe) ;;
  'get') offers=(--version --field --dsn -o --output --force -c --copy --clear-after --newline --no-newline --raw) ;;
  'list') offers=(--type --service --tag --delivery --due --check --long) ;;
  'rotate') offers=(--undo --stdin --stdin-raw --from-file --from-env --generate --length) ;;
  'delete') offers=(--soft -y --yes) ;;
  'undelete') offers=(--version) ;;
  'test') offers=(--offline --allow-host --timeout) ;;
  'exec') offers=(-n --namespace -e --only --env-file --db --as --if-missing --allow-env --file --fd --stdin --pristine --keep --preserve-env --preserve --shell --mask --no-mask --explain) ;;
  'history') offers=() ;;
  'edit') offers=(--unset --type --service --env --runtime-env --delivery --allow-env --consumer --tag --note --metadata --field --expires --rotate-every --probe) ;;
  'unlock') offers=(--for --idle) ;;
  'lock') offers=(--all) ;;
  'agent') offers=() ;;
  'agent status') offers=() ;;
  'agent stop') offers=() ;;
  'agent run') offers=() ;;
  'slot') offers=() ;;
  'slot list') offers=() ;;
  'slot add') offers=(--generate-key --new-key-file --keyring --new-passphrase-file --iterations --label) ;;
  'slot change') offers=(--new-passphrase-file --iterations) ;;
  'slot remove') offers=(-y --yes --rekey --with-key-file --with-passphrase-file --drop-others) ;;
  'rekey') offers=(--with-key-file --with-passphrase-file -y --yes) ;;
  'salvage') offers=(-o --output) ;;
  'export') offers=(--format -n --namespace -e --only --env-file --db --as --if-missing --allow-env -o --output --force --raw) ;;
  'import') offers=(--dry-run -y --yes --on-conflict --prefix --map --map-file --runtime-env --executor-only --allow-env --whole --password-file --kdbx-key-file --skip-unreadable --undo-file --undo) ;;
  'copy') offers=(--from --from-vault --from-backend --from-key-file --to --to-vault --to-backend --to-key-file --dry-run -y --yes --on-conflict --no-versions --skip-unreadable) ;;
  'offline') offers=() ;;
  'offline save') offers=(--executor-only --past --keyring) ;;
  'offline status') offers=() ;;
  'offline forget') offers=() ;;
  'inject') offers=(-i --input -o --output --force --raw) ;;
  'redact') offers=(--past) ;;
  'check') offers=(--require) ;;
  'shellenv') offers=(--load --told) ;;
  'trust') offers=(-y --yes --list --remove) ;;
  'uri') offers=() ;;
  'uri check') offers=(--read) ;;
  'doctor') offers=(--verify) ;;
  'completion') offers=() ;;
  esac
  offers+=(--version --profile --vault --backend -n --namespace --key-file --accept-rollback --offline --max-age --json --no-input -q --quiet -v --verbose --color -h --help)
  offers=("${offers[@]/%/ }")
}

# Sets `kind` to what the word after an option is; none takes what is not here.
_credvault_takes() {
  kind=''
  case "$1:$2" in
  'init:--key-file') kind=file ;;
  'init:--iterations') kind=text ;;
  'init:--label') kind=text ;;
  'add:--from-file') kind=file ;;
  'add:--from-env') kind=variable ;;
  'add:--length') kind=text ;;
  'add:--type') kind=choice:secret,api_key,access_token,token,oauth,password,connection_string,certificate,database ;;
  'add:--service') kind=text ;;
  'add:--env') kind=variable ;;
  'add:--delivery') kind=choice:executor_only,runtime_env ;;
  'add:--allow-env') kind=variable ;;
  'add:--consumer') kind=text ;;
  'add:--tag') kind=text ;;
  'add:--note') kind=text ;;
  'add:--metadata') kind=text ;;
  'add:--field') kind=text ;;
  'add:--expires') kind=text ;;
  'add:--rotate-every') kind=text ;;
  'add:--probe') kind=text ;;
  'get:--version') kind=text ;;
  'get:--field') kind=text ;;
  'get:-o' | 'get:--output') kind=file ;;
  'get:--clear-after') kind=text ;;
  'list:--type') kind=choice:secret,api_key,access_token,token,oauth,password,connection_string,certificate,database ;;
  'list:--service') kind=text ;;
  'list:--tag') kind=text ;;
  'list:--delivery') kind=choice:executor_only,runtime_env ;;
  'list:--due') kind=text ;;
  'rotate:--from-file') kind=file ;;
  'rotate:--from-env') kind=variable ;;
  'rotate:--length') kind=text ;;
  'undelete:--version') kind=text ;;
  'test:--allow-host') kind=text ;;
  'test:--timeout') kind=text ;;
  'exec:-n' | 'exec:--namespace') kind=namespace ;;
  'exec:-e') kind=assigned ;;
  'exec:--only') kind=text ;;
  'exec:--env-file') kind=file ;;
  'exec:--db') kind=name ;;
  'exec:--as') kind=text ;;
  'exec:--if-missing') kind=choice:error,warn,ignore ;;
  'exec:--allow-env') kind=variable ;;
  'exec:--file') kind=assigned ;;
  'exec:--fd') kind=assigned ;;
  'exec:--stdin') kind=name ;;
  'exec:--keep') kind=variable ;;
  'exec:--preserve') kind=text ;;
  'exec:--shell') kind=text ;;
  'edit:--unset') kind=choice:service,env_name,consumers,tags,note,metadata,fields,expires_at,rotate_every,probe ;;
  'edit:--type') kind=choice:secret,api_key,access_token,token,oauth,password,connection_string,certificate,database ;;
  'edit:--service') kind=text ;;
  'edit:--env') kind=variable ;;
  'edit:--delivery') kind=choice:executor_only,runtime_env ;;
  'edit:--allow-env') kind=variable ;;
  'edit:--consumer') kind=text ;;
  'edit:--tag') kind=text ;;
  'edit:--note') kind=text ;;
  'edit:--metadata') kind=text ;;
  'edit:--field') kind=text ;;
  'edit:--expires') kind=text ;;
  'edit:--rotate-every') kind=text ;;
  'edit:--probe') kind=text ;;
  'unlock:--for') kind=text ;;
  'unlock:--idle') kind=text ;;
  'slot add:--new-key-file') kind=file ;;
  'slot add:--new-passphrase-file') kind=file ;;
  'slot add:--iterations') kind=text ;;
  'slot add:--label') kind=text ;;
  'slot change:--new-passphrase-file') kind=file ;;
  'slot change:--iterations') kind=text ;;
  'slot remove:--with-key-file') kind=file ;;
  'slot remove:--with-passphrase-file') kind=file ;;
  'rekey:--with-key-file') kind=file ;;
  'rekey:--with-passphrase-file') kind=file ;;
  'salvage:-o' | 'salvage:--output') kind=file ;;
  'export:--format') kind=choice:shell,fish,powershell,dotenv,docker,json,yaml,systemd,github-actions,gitlab ;;
  'export:-n' | 'export:--namespace') kind=namespace ;;
  'export:-e') kind=assigned ;;
  'export:--only') kind=text ;;
  'export:--env-file') kind=file ;;
  'export:--db') kind=name ;;
  'export:--as') kind=text ;;
  'export:--if-missing') kind=choice:error,warn,ignore ;;
  'export:--allow-env') kind=variable ;;
  'export:-o' | 'export:--output') kind=file ;;
  'import:--on-conflict') kind=choice:fail,skip,overwrite ;;
  'import:--prefix') kind=text ;;
  'import:--map') kind=text ;;
  'import:--map-file') kind=file ;;
  'import:--allow-env') kind=variable ;;
  'import:--password-file') kind=file ;;
  'import:--kdbx-key-file') kind=file ;;
  'import:--undo-file') kind=file ;;
  'import:--undo') kind=file ;;
  'copy:--from') kind=profile ;;
  'copy:--from-vault') kind=file ;;
  'copy:--from-backend') kind=text ;;
  'copy:--from-key-file') kind=file ;;
  'copy:--to') kind=profile ;;
  'copy:--to-vault') kind=file ;;
  'copy:--to-backend') kind=text ;;
  'copy:--to-key-file') kind=file ;;
  'copy:--on-conflict') kind=choice:fail,skip,overwrite ;;
  'inject:-i' | 'inject:--input') kind=file ;;
  'inject:-o' | 'inject:--output') kind=file ;;
  'check:--require') kind=name ;;
  'shellenv:--told') kind=text ;;
  *:--profile) kind=profile ;;
  *:--vault) kind=file ;;
  *:--backend) kind=text ;;
  *:-n | *:--namespace) kind=namespace ;;
  *:--key-file) kind=file ;;
  *:--max-age) kind=text ;;
  *:--color) kind=choice:auto,always,never ;;
  esac
}

# Keeps an option that says which vault is meant, for the program.
_credvault_note() {
  case $1 in
  --profile) flags+=(profile="$2") ;;
  --vault) flags+=(vault="$2") ;;
  --backend) flags+=(backend="$2") ;;
  -n | --namespace) flags+=(namespace="$2") ;;
  --key-file) flags+=(key_file="$2") ;;
  --accept-rollback) flags+=(accept_rollback="$2") ;;
  esac
}


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
