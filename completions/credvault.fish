# Completions for credvault in fish, made from the program by `make docs`.
#
# No program is started here, but where a secret's name, a namespace or a profile is completed: then `credvault` from
# PATH is asked, which answers from what is unlocked already, in a moment or not at all.

# Says in variables where on the line the cursor is: after which command, how many words after it, and which options
# that choose a vault stand before. Once for a line: every condition below asks.
function __credvault_look
    set -l line (commandline -cp | string collect)
    if set -q __credvault_line; and test "$__credvault_line" = "$line"
        return
    end
    set -g __credvault_line $line
    set -g __credvault_command ''
    set -g __credvault_count 0
    set -g __credvault_flags
    set -g __credvault_child
    set -l option ''
    set -l options yes
    set -l tokens (commandline -opc)
    for at in (seq 2 (count $tokens))
        set -l token $tokens[$at]
        if test -n "$option"
            __credvault_note $option $token
            set option ''
        else if test -n "$options"; and test "$token" = --
            set options ''
        else if test -n "$options"; and string match -q -- '--*=*' $token
            __credvault_note (string split -m 1 -- = $token)
        else if test -n "$options"; and string match -q -- '--*' $token
            if __credvault_takes "$__credvault_command:$token"
                set option $token
            else
                __credvault_note $token 1
            end
        else if test -n "$options"; and string match -q -- '-?*' $token
            if __credvault_takes "$__credvault_command:"(string sub -l 2 -- $token)
                if test (string length -- $token) -gt 2
                    __credvault_note (string sub -l 2 -- $token) (string sub -s 3 -- $token)
                else
                    set option $token
                end
            else if __credvault_takes "$__credvault_command:-"(string sub -s -1 -- $token)
                set option -(string sub -s -1 -- $token)
            end
        else if contains -- "$__credvault_command" '' 'agent' 'slot' 'offline' 'uri'
            set __credvault_command (string trim -- "$__credvault_command $token")
        else if contains -- "$__credvault_command" 'exec'
            set __credvault_child $tokens[$at..-1]
            break
        else
            set __credvault_count (math $__credvault_count + 1)
        end
    end
end

# Says whether the cursor is after one of some commands, before any word of a program that it runs.
function __credvault_is
    __credvault_look
    test -z "$__credvault_child"; and contains -- "$__credvault_command" $argv
end

# Says whether the next word after a command is the one of this number, or, with a plus, that one or a later one.
function __credvault_is_word
    __credvault_is $argv[1]; or return
    if string match -q -- '*+' $argv[2]
        test $__credvault_count -ge (string trim -c + -- $argv[2])
    else
        test $__credvault_count -eq $argv[2]
    end
end

function __credvault_ask
    __credvault_look
    command -q credvault; or return
    set -l typed $argv[2]
    test (count $argv) -lt 2; and set typed (commandline -ct | string replace -r -- '^--[^=]*=' '')
    # An option is no name; the shell asks all the same.
    string match -q -- '-*' $typed; and return
    command credvault __complete $argv[1] (__credvault_plain $typed) $__credvault_flags </dev/null 2>/dev/null | string replace -r ' $' ''
end

# Offers names after VAR=.
function __credvault_assigned
    set -l typed (commandline -ct | string replace -r -- '^--[^=]*=' '')
    if string match -q -- '*=*' $typed
        set -l parts (string split -m 1 -- = $typed)
        __credvault_ask name $parts[2] | string replace -r -- '^' (string replace -a -- '\\' '\\\\' $parts[1])=
    end
end

# Takes the quoting off a word that may not be whole yet; nothing of it is expanded.
function __credvault_plain
    string unescape -- "$argv[1]"; or string replace -ra -- '[\'"]' '' "$argv[1]"
end

function __credvault_complete_child
    complete -C (string join -- ' ' (string escape -- $__credvault_child) (commandline -ct))
end

function __credvault_has_child
    __credvault_look
    test -n "$__credvault_child"
end

# Says whether an option of a command takes a word.
function __credvault_takes
    switch $argv[1]
        case 'init:--key-file' 'init:--iterations' 'init:--label'
            return 0
        case 'add:--from-file' 'add:--from-env' 'add:--length' 'add:--type' 'add:--service' 'add:--env' 'add:--delivery' 'add:--allow-env' 'add:--consumer' 'add:--tag' 'add:--note' 'add:--metadata' 'add:--field' 'add:--expires' 'add:--rotate-every' 'add:--probe'
            return 0
        case 'get:--version' 'get:--field' 'get:-o' 'get:--output' 'get:--clear-after'
            return 0
        case 'list:--type' 'list:--service' 'list:--tag' 'list:--delivery' 'list:--due'
            return 0
        case 'rotate:--from-file' 'rotate:--from-env' 'rotate:--length'
            return 0
        case 'undelete:--version'
            return 0
        case 'test:--allow-host' 'test:--timeout'
            return 0
        case 'exec:-n' 'exec:--namespace' 'exec:-e' 'exec:--only' 'exec:--env-file' 'exec:--db' 'exec:--as' 'exec:--if-missing' 'exec:--allow-env' 'exec:--file' 'exec:--fd' 'exec:--stdin' 'exec:--keep' 'exec:--preserve' 'exec:--shell'
            return 0
        case 'edit:--unset' 'edit:--type' 'edit:--service' 'edit:--env' 'edit:--delivery' 'edit:--allow-env' 'edit:--consumer' 'edit:--tag' 'edit:--note' 'edit:--metadata' 'edit:--field' 'edit:--expires' 'edit:--rotate-every' 'edit:--probe'
            return 0
        case 'unlock:--for' 'unlock:--idle'
            return 0
        case 'slot add:--new-key-file' 'slot add:--new-passphrase-file' 'slot add:--iterations' 'slot add:--label'
            return 0
        case 'slot change:--new-passphrase-file' 'slot change:--iterations'
            return 0
        case 'slot remove:--with-key-file' 'slot remove:--with-passphrase-file'
            return 0
        case 'rekey:--with-key-file' 'rekey:--with-passphrase-file'
            return 0
        case 'salvage:-o' 'salvage:--output'
            return 0
        case 'export:--format' 'export:-n' 'export:--namespace' 'export:-e' 'export:--only' 'export:--env-file' 'export:--db' 'export:--as' 'export:--if-missing' 'export:--allow-env' 'export:-o' 'export:--output'
            return 0
        case 'import:--on-conflict' 'import:--prefix' 'import:--map' 'import:--map-file' 'import:--allow-env' 'import:--password-file' 'import:--kdbx-key-file' 'import:--undo-file' 'import:--undo'
            return 0
        case 'copy:--from' 'copy:--from-vault' 'copy:--from-backend' 'copy:--from-key-file' 'copy:--to' 'copy:--to-vault' 'copy:--to-backend' 'copy:--to-key-file' 'copy:--on-conflict'
            return 0
        case 'inject:-i' 'inject:--input' 'inject:-o' 'inject:--output'
            return 0
        case 'check:--require'
            return 0
        case 'shellenv:--told'
            return 0
        case '*:--profile' '*:--vault' '*:--backend' '*:-n' '*:--namespace' '*:--key-file' '*:--max-age' '*:--color'
            return 0
    end
    return 1
end

# Keeps an option that says which vault is meant, for the program.
function __credvault_note
    switch $argv[1]
        case --profile
            set -ga __credvault_flags profile="$argv[2]"
        case --vault
            set -ga __credvault_flags vault="$argv[2]"
        case --backend
            set -ga __credvault_flags backend="$argv[2]"
        case -n --namespace
            set -ga __credvault_flags namespace="$argv[2]"
        case --key-file
            set -ga __credvault_flags key_file="$argv[2]"
        case --accept-rollback
            set -ga __credvault_flags accept_rollback="$argv[2]"
    end
end

complete -c credvault -f
complete -c credvault -n __credvault_has_child -a '(__credvault_complete_child)'
complete -c credvault -n '__credvault_is \'\'' -a init -d 'make a vault file'
complete -c credvault -n '__credvault_is \'\'' -a add -d 'store a new secret'
complete -c credvault -n '__credvault_is \'\'' -a get -d 'print a value, and only the value'
complete -c credvault -n '__credvault_is \'\'' -a list -d 'show names and facts, never values'
complete -c credvault -n '__credvault_is \'\'' -a rotate -d 'put a new value in as the next version'
complete -c credvault -n '__credvault_is \'\'' -a delete -d 'remove secrets, every version of them'
complete -c credvault -n '__credvault_is \'\'' -a undelete -d 'bring back what \'delete --soft\' took away'
complete -c credvault -n '__credvault_is \'\'' -a test -d 'try whether credentials still work'
complete -c credvault -n '__credvault_is \'\'' -a exec -d 'run a program with secrets in its environment'
complete -c credvault -n '__credvault_is \'\'' -a history -d 'show the versions of a secret'
complete -c credvault -n '__credvault_is \'\'' -a edit -d 'change facts of a secret, not its value'
complete -c credvault -n '__credvault_is \'\'' -a unlock -d 'let the agent hold the vault for a while'
complete -c credvault -n '__credvault_is \'\'' -a lock -d 'let the agent forget the vault'
complete -c credvault -n '__credvault_is \'\'' -a agent -d 'look at the agent, end it, or run it'
complete -c credvault -n '__credvault_is \'\'' -a slot -d 'show, add and remove ways to unlock the vault file'
complete -c credvault -n '__credvault_is \'\'' -a rekey -d 'encrypt the vault file under a new data key'
complete -c credvault -n '__credvault_is \'\'' -a salvage -d 'rescue secrets from a damaged vault file'
complete -c credvault -n '__credvault_is \'\'' -a export -d 'write variables for shells, files and CI'
complete -c credvault -n '__credvault_is \'\'' -a import -d 'bring in the secrets of another program'
complete -c credvault -n '__credvault_is \'\'' -a copy -d 'copy secrets from one place to another'
complete -c credvault -n '__credvault_is \'\'' -a offline -d 'keep an encrypted copy for when the store is away'
complete -c credvault -n '__credvault_is \'\'' -a inject -d 'fill a template with secrets'
complete -c credvault -n '__credvault_is \'\'' -a redact -d 'hide secrets in what passes from stdin to stdout'
complete -c credvault -n '__credvault_is \'\'' -a check -d 'say whether secrets are there'
complete -c credvault -n '__credvault_is \'\'' -a shellenv -d 'load a project\'s variables on entering its folder'
complete -c credvault -n '__credvault_is \'\'' -a trust -d 'let your shell load a project\'s variables'
complete -c credvault -n '__credvault_is \'\'' -a uri -d 'say what a secret URI is, and where it leads'
complete -c credvault -n '__credvault_is \'\'' -a doctor -d 'say what is wrong, and how to mend it'
complete -c credvault -n '__credvault_is \'\'' -a completion -d 'print the completions for a shell'
complete -c credvault -n '__credvault_is \'init\'' -l generate-key -d 'make a raw key and print it, once'
complete -c credvault -n '__credvault_is \'init\'' -l key-file -r -F -d 'make a key and put it in the new file F, mode 0600'
complete -c credvault -n '__credvault_is \'init\'' -l keyring -d 'make a key and keep it in the OS keyring'
complete -c credvault -n '__credvault_is \'init\'' -l iterations -x -d 'PBKDF2 iterations for a passphrase (600000 or more)'
complete -c credvault -n '__credvault_is \'init\'' -l label -x -d 'a label for the slot'
complete -c credvault -n '__credvault_is \'init\'' -s h -l help -d 'show this help'
complete -c credvault -n '__credvault_is_word \'add\' 0' -a '(__credvault_ask name)'
complete -c credvault -n '__credvault_is \'add\'' -l force -d 'replace the value if the name is there; facts not given stay'
complete -c credvault -n '__credvault_is \'add\'' -l stdin -d 'read it from stdin, less one final newline if it is the only one'
complete -c credvault -n '__credvault_is \'add\'' -l stdin-raw -d 'read it from stdin, every byte'
complete -c credvault -n '__credvault_is \'add\'' -l from-file -r -F -d 'read it from the file F, every byte'
complete -c credvault -n '__credvault_is \'add\'' -l from-env -x -a '(set -nx)' -d 'take it from the variable VAR'
complete -c credvault -n '__credvault_is \'add\'' -l generate -d 'make a random one of letters and digits'
complete -c credvault -n '__credvault_is \'add\'' -l length -x -d 'length of a random one (32)'
complete -c credvault -n '__credvault_is \'add\'' -l type -x -a 'secret api_key access_token token oauth password connection_string certificate database' -d 'what it is: secret, api_key, access_token, token, oauth, password, connection_string, certificate, database'
complete -c credvault -n '__credvault_is \'add\'' -l service -x -d 'the service it is for'
complete -c credvault -n '__credvault_is \'add\'' -l env -x -a '(set -nx)' -d 'exec gives it to programs as VAR'
complete -c credvault -n '__credvault_is \'add\'' -l runtime-env -d 'as --env, with a variable made of the name'
complete -c credvault -n '__credvault_is \'add\'' -l delivery -x -a 'executor_only runtime_env' -d 'who may receive it'
complete -c credvault -n '__credvault_is \'add\'' -l allow-env -x -a '(set -nx)' -d 'let VAR be set although it steers programs'
complete -c credvault -n '__credvault_is \'add\'' -l consumer -x -d 'who it is for; may be repeated'
complete -c credvault -n '__credvault_is \'add\'' -l tag -x -d 'a tag; may be repeated'
complete -c credvault -n '__credvault_is \'add\'' -l note -x -d 'a note'
complete -c credvault -n '__credvault_is \'add\'' -l metadata -x -d 'a fact of your own choice; may be repeated'
complete -c credvault -n '__credvault_is \'add\'' -l field -x -d 'a part of it; a database has engine, host, port, database, username, sslmode'
complete -c credvault -n '__credvault_is \'add\'' -l expires -x -d 'a date, a time, or a duration from now such as 90d'
complete -c credvault -n '__credvault_is \'add\'' -l rotate-every -x -d 'how often it is to be changed, such as 12w'
complete -c credvault -n '__credvault_is \'add\'' -l probe -x -d 'how to test it: {"kind": "http", …}'
complete -c credvault -n '__credvault_is \'add\'' -s h -l help -d 'show this help'
complete -c credvault -n '__credvault_is_word \'get\' 0' -a '(__credvault_ask name)'
complete -c credvault -n '__credvault_is \'get\'' -l version -x -d 'an earlier version'
complete -c credvault -n '__credvault_is \'get\'' -l field -x -d 'one field of the record, such as host or username'
complete -c credvault -n '__credvault_is \'get\'' -l dsn -d 'the connection string of a database'
complete -c credvault -n '__credvault_is \'get\'' -s o -l output -r -F -d 'put it in a new file, mode 0600'
complete -c credvault -n '__credvault_is \'get\'' -l force -d 'with -o, replace the file if it is there'
complete -c credvault -n '__credvault_is \'get\'' -s c -l copy -d 'put it on the clipboard, and clear that after a while'
complete -c credvault -n '__credvault_is \'get\'' -l clear-after -x -d 'with -c, after this long (45s); 0 is never'
complete -c credvault -n '__credvault_is \'get\'' -l newline -l no-newline -d 'end it with a newline or not (only on a terminal)'
complete -c credvault -n '__credvault_is \'get\'' -l raw -d 'show control characters on a terminal'
complete -c credvault -n '__credvault_is \'get\'' -s h -l help -d 'show this help'
complete -c credvault -n '__credvault_is_word \'list\' 0+' -a '(__credvault_ask name)'
complete -c credvault -n '__credvault_is \'list\'' -l type -x -a 'secret api_key access_token token oauth password connection_string certificate database' -d 'only of this type'
complete -c credvault -n '__credvault_is \'list\'' -l service -x -d 'only for this service'
complete -c credvault -n '__credvault_is \'list\'' -l tag -x -d 'only with this tag'
complete -c credvault -n '__credvault_is \'list\'' -l delivery -x -a 'executor_only runtime_env' -d 'only with this delivery'
complete -c credvault -n '__credvault_is \'list\'' -l due -x -d 'only what expires or is to be rotated within D, such as 14d'
complete -c credvault -n '__credvault_is \'list\'' -l check -d 'exit 12 if anything listed is due or expired'
complete -c credvault -n '__credvault_is \'list\'' -l long -d 'more facts'
complete -c credvault -n '__credvault_is \'list\'' -s h -l help -d 'show this help'
complete -c credvault -n '__credvault_is_word \'rotate\' 0' -a '(__credvault_ask name)'
complete -c credvault -n '__credvault_is \'rotate\'' -l undo -d 'go back to the previous version\'s value, as a new version'
complete -c credvault -n '__credvault_is \'rotate\'' -l stdin -d 'read it from stdin, less one final newline if it is the only one'
complete -c credvault -n '__credvault_is \'rotate\'' -l stdin-raw -d 'read it from stdin, every byte'
complete -c credvault -n '__credvault_is \'rotate\'' -l from-file -r -F -d 'read it from the file F, every byte'
complete -c credvault -n '__credvault_is \'rotate\'' -l from-env -x -a '(set -nx)' -d 'take it from the variable VAR'
complete -c credvault -n '__credvault_is \'rotate\'' -l generate -d 'make a random one of letters and digits'
complete -c credvault -n '__credvault_is \'rotate\'' -l length -x -d 'length of a random one (32)'
complete -c credvault -n '__credvault_is \'rotate\'' -s h -l help -d 'show this help'
complete -c credvault -n '__credvault_is_word \'delete\' 0+' -a '(__credvault_ask name)'
complete -c credvault -n '__credvault_is \'delete\'' -l soft -d 'only the current version, until \'undelete\', where the backend can'
complete -c credvault -n '__credvault_is \'delete\'' -s y -l yes -d 'do not ask'
complete -c credvault -n '__credvault_is \'delete\'' -s h -l help -d 'show this help'
complete -c credvault -n '__credvault_is_word \'undelete\' 0' -a '(__credvault_ask name)'
complete -c credvault -n '__credvault_is \'undelete\'' -l version -x -d 'this version, not the newest'
complete -c credvault -n '__credvault_is \'undelete\'' -s h -l help -d 'show this help'
complete -c credvault -n '__credvault_is_word \'test\' 0+' -a '(__credvault_ask name)'
complete -c credvault -n '__credvault_is \'test\'' -l offline -d 'only decrypt and check the format; contact nobody'
complete -c credvault -n '__credvault_is \'test\'' -l allow-host -x -d 'a value may be sent there; may be repeated'
complete -c credvault -n '__credvault_is \'test\'' -l timeout -x -d 'seconds for each probe in all (30)'
complete -c credvault -n '__credvault_is \'test\'' -s h -l help -d 'show this help'
complete -c credvault -n '__credvault_is_word \'exec\' 0+' -a '(__fish_complete_command)'
complete -c credvault -n '__credvault_is \'exec\'' -s n -l namespace -x -a '(__credvault_ask namespace)' -d 'only this namespace; may be repeated'
complete -c credvault -n '__credvault_is \'exec\'' -s e -x -a '(__credvault_assigned)' -d 'the secret NAME as VAR; wins over the rest'
complete -c credvault -n '__credvault_is \'exec\'' -l only -x -d 'only these variables; * stands for any characters'
complete -c credvault -n '__credvault_is \'exec\'' -l env-file -r -F -d 'lines VAR=credvault://NAME or VAR=text'
complete -c credvault -n '__credvault_is \'exec\'' -l db -x -a '(__credvault_ask name)' -d 'a database credential as DATABASE_URL'
complete -c credvault -n '__credvault_is \'exec\'' -l as -x -d 'only secrets for CONSUMER, or for everybody'
complete -c credvault -n '__credvault_is \'exec\'' -l if-missing -x -a 'error warn ignore' -d 'what to do about a missing secret'
complete -c credvault -n '__credvault_is \'exec\'' -l allow-env -x -a '(set -nx)' -d 'let VAR be set although it steers programs'
complete -c credvault -n '__credvault_is \'exec\'' -l file -x -a '(__credvault_assigned)' -d 'the secret NAME as a file, its path in VAR'
complete -c credvault -n '__credvault_is \'exec\'' -l fd -x -a '(__credvault_assigned)' -d 'the secret NAME as an open descriptor, its number in VAR'
complete -c credvault -n '__credvault_is \'exec\'' -l stdin -x -a '(__credvault_ask name)' -d 'the secret NAME as the program\'s stdin'
complete -c credvault -n '__credvault_is \'exec\'' -l pristine -d 'let it inherit only PATH, HOME, USER, LANG, LC_*, TERM, TZ, TMPDIR'
complete -c credvault -n '__credvault_is \'exec\'' -l keep -x -a '(set -nx)' -d 'let it inherit VAR as well'
complete -c credvault -n '__credvault_is \'exec\'' -l preserve-env -d 'where both set a variable, the caller\'s value wins'
complete -c credvault -n '__credvault_is \'exec\'' -l preserve -x -d 'the same, for these variables'
complete -c credvault -n '__credvault_is \'exec\'' -l shell -x -d 'run STRING in a shell: --shell \'echo $VAR\''
complete -c credvault -n '__credvault_is \'exec\'' -l mask -l no-mask -d 'hide the secrets in what it shows on terminals and pipes; the default in CI'
complete -c credvault -n '__credvault_is \'exec\'' -l explain -d 'show what would be injected, and run nothing'
complete -c credvault -n '__credvault_is \'exec\'' -s h -l help -d 'show this help'
complete -c credvault -n '__credvault_is_word \'history\' 0' -a '(__credvault_ask name)'
complete -c credvault -n '__credvault_is \'history\'' -s h -l help -d 'show this help'
complete -c credvault -n '__credvault_is_word \'edit\' 0' -a '(__credvault_ask name)'
complete -c credvault -n '__credvault_is \'edit\'' -l unset -x -a 'service env_name consumers tags note metadata fields expires_at rotate_every probe' -d 'take a fact away: service, env_name, consumers, tags, note, metadata, fields, expires_at, rotate_every, probe; may be repeated'
complete -c credvault -n '__credvault_is \'edit\'' -l type -x -a 'secret api_key access_token token oauth password connection_string certificate database' -d 'what it is: secret, api_key, access_token, token, oauth, password, connection_string, certificate, database'
complete -c credvault -n '__credvault_is \'edit\'' -l service -x -d 'the service it is for'
complete -c credvault -n '__credvault_is \'edit\'' -l env -x -a '(set -nx)' -d 'exec gives it to programs as VAR'
complete -c credvault -n '__credvault_is \'edit\'' -l runtime-env -d 'as --env, with a variable made of the name'
complete -c credvault -n '__credvault_is \'edit\'' -l delivery -x -a 'executor_only runtime_env' -d 'who may receive it'
complete -c credvault -n '__credvault_is \'edit\'' -l allow-env -x -a '(set -nx)' -d 'let VAR be set although it steers programs'
complete -c credvault -n '__credvault_is \'edit\'' -l consumer -x -d 'who it is for; may be repeated'
complete -c credvault -n '__credvault_is \'edit\'' -l tag -x -d 'a tag; may be repeated'
complete -c credvault -n '__credvault_is \'edit\'' -l note -x -d 'a note'
complete -c credvault -n '__credvault_is \'edit\'' -l metadata -x -d 'a fact of your own choice; may be repeated'
complete -c credvault -n '__credvault_is \'edit\'' -l field -x -d 'a part of it; a database has engine, host, port, database, username, sslmode'
complete -c credvault -n '__credvault_is \'edit\'' -l expires -x -d 'a date, a time, or a duration from now such as 90d'
complete -c credvault -n '__credvault_is \'edit\'' -l rotate-every -x -d 'how often it is to be changed, such as 12w'
complete -c credvault -n '__credvault_is \'edit\'' -l probe -x -d 'how to test it: {"kind": "http", …}'
complete -c credvault -n '__credvault_is \'edit\'' -s h -l help -d 'show this help'
complete -c credvault -n '__credvault_is \'unlock\'' -l for -x -d 'for at most this long (8h)'
complete -c credvault -n '__credvault_is \'unlock\'' -l idle -x -d 'until nothing was asked for this long (15m)'
complete -c credvault -n '__credvault_is \'unlock\'' -s h -l help -d 'show this help'
complete -c credvault -n '__credvault_is \'lock\'' -l all -d 'forget every vault'
complete -c credvault -n '__credvault_is \'lock\'' -s h -l help -d 'show this help'
complete -c credvault -n '__credvault_is \'agent\'' -a status -d 'show which vaults the agent holds, for how long at most, and for how long without use'
complete -c credvault -n '__credvault_is \'agent\'' -a stop -d 'end the agent'
complete -c credvault -n '__credvault_is \'agent\'' -a run -d 'run the agent in the foreground until it is stopped, for systemd and launchd'
complete -c credvault -n '__credvault_is \'agent\'' -s h -l help -d 'show this help'
complete -c credvault -n '__credvault_is \'agent status\'' -s h -l help -d 'show this help'
complete -c credvault -n '__credvault_is \'agent stop\'' -s h -l help -d 'show this help'
complete -c credvault -n '__credvault_is \'agent run\'' -s h -l help -d 'show this help'
complete -c credvault -n '__credvault_is \'slot\'' -a list -d 'show the slots'
complete -c credvault -n '__credvault_is \'slot\'' -a add -d 'add a way to unlock'
complete -c credvault -n '__credvault_is \'slot\'' -a change -d 'give a passphrase slot a new passphrase, asked for twice, or more iterations, with the same one typed again'
complete -c credvault -n '__credvault_is \'slot\'' -a remove -d 'remove a way to unlock'
complete -c credvault -n '__credvault_is \'slot\'' -s h -l help -d 'show this help'
complete -c credvault -n '__credvault_is \'slot list\'' -s h -l help -d 'show this help'
complete -c credvault -n '__credvault_is \'slot add\'' -l generate-key -d 'make a raw key and print it, once'
complete -c credvault -n '__credvault_is \'slot add\'' -l new-key-file -r -F -d 'make a key and put it in the new file F, mode 0600'
complete -c credvault -n '__credvault_is \'slot add\'' -l keyring -d 'make a key and keep it in the OS keyring'
complete -c credvault -n '__credvault_is \'slot add\'' -l new-passphrase-file -r -F -d 'take the new passphrase from the file F'
complete -c credvault -n '__credvault_is \'slot add\'' -l iterations -x -d 'PBKDF2 iterations for a passphrase (600000 or more)'
complete -c credvault -n '__credvault_is \'slot add\'' -l label -x -d 'a label for the slot'
complete -c credvault -n '__credvault_is \'slot add\'' -s h -l help -d 'show this help'
complete -c credvault -n '__credvault_is \'slot change\'' -l new-passphrase-file -r -F -d 'take the new passphrase from the file F'
complete -c credvault -n '__credvault_is \'slot change\'' -l iterations -x -d 'PBKDF2 iterations (600000 or more)'
complete -c credvault -n '__credvault_is \'slot change\'' -s h -l help -d 'show this help'
complete -c credvault -n '__credvault_is \'slot remove\'' -s y -l yes -d 'do not ask'
complete -c credvault -n '__credvault_is \'slot remove\'' -l rekey -d 'make a new data key too, so that the removed key is worth nothing'
complete -c credvault -n '__credvault_is \'slot remove\'' -l with-key-file -r -F -d 'keep the slot that this key opens'
complete -c credvault -n '__credvault_is \'slot remove\'' -l with-passphrase-file -r -F -d 'keep the slot that this passphrase opens'
complete -c credvault -n '__credvault_is \'slot remove\'' -l drop-others -d 'with --rekey: drop every other slot whose key is not at hand too'
complete -c credvault -n '__credvault_is \'slot remove\'' -s h -l help -d 'show this help'
complete -c credvault -n '__credvault_is \'rekey\'' -l with-key-file -r -F -d 'keep the slot that this key opens'
complete -c credvault -n '__credvault_is \'rekey\'' -l with-passphrase-file -r -F -d 'keep the slot that this passphrase opens'
complete -c credvault -n '__credvault_is \'rekey\'' -s y -l yes -d 'do not ask before dropping slots'
complete -c credvault -n '__credvault_is \'rekey\'' -s h -l help -d 'show this help'
complete -c credvault -n '__credvault_is \'salvage\'' -s o -l output -r -F -d 'the new vault file'
complete -c credvault -n '__credvault_is \'salvage\'' -s h -l help -d 'show this help'
complete -c credvault -n '__credvault_is \'export\'' -l format -x -a 'shell fish powershell dotenv docker json yaml systemd github-actions gitlab' -d 'who reads it: shell (sh, dash, bash, zsh), fish, powershell, dotenv (python-dotenv, npm\'s dotenv), docker (docker run --env-file), json, yaml, systemd (EnvironmentFile=), github-actions (later steps of the job), gitlab (artifacts:reports:dotenv)'
complete -c credvault -n '__credvault_is \'export\'' -s n -l namespace -x -a '(__credvault_ask namespace)' -d 'only this namespace; may be repeated'
complete -c credvault -n '__credvault_is \'export\'' -s e -x -a '(__credvault_assigned)' -d 'the secret NAME as VAR; wins over the rest'
complete -c credvault -n '__credvault_is \'export\'' -l only -x -d 'only these variables; * stands for any characters'
complete -c credvault -n '__credvault_is \'export\'' -l env-file -r -F -d 'lines VAR=credvault://NAME or VAR=text'
complete -c credvault -n '__credvault_is \'export\'' -l db -x -a '(__credvault_ask name)' -d 'a database credential as DATABASE_URL'
complete -c credvault -n '__credvault_is \'export\'' -l as -x -d 'only secrets for CONSUMER, or for everybody'
complete -c credvault -n '__credvault_is \'export\'' -l if-missing -x -a 'error warn ignore' -d 'what to do about a missing secret'
complete -c credvault -n '__credvault_is \'export\'' -l allow-env -x -a '(set -nx)' -d 'let VAR be set although it steers programs'
complete -c credvault -n '__credvault_is \'export\'' -s o -l output -r -F -d 'put it in a new file, mode 0600'
complete -c credvault -n '__credvault_is \'export\'' -l force -d 'with -o, replace the file if it is there'
complete -c credvault -n '__credvault_is \'export\'' -l raw -d 'show control characters on a terminal'
complete -c credvault -n '__credvault_is \'export\'' -s h -l help -d 'show this help'
complete -c credvault -n '__credvault_is_word \'import\' 0' -a 'dotenv json pass gopass keepass bitwarden 1password fpai agentskills'
complete -c credvault -n '__credvault_is_word \'import\' 1' -F
complete -c credvault -n '__credvault_is \'import\'' -l dry-run -d 'show the plan, and do nothing'
complete -c credvault -n '__credvault_is \'import\'' -s y -l yes -d 'do not ask; needed without a terminal'
complete -c credvault -n '__credvault_is \'import\'' -l on-conflict -x -a 'fail skip overwrite' -d 'if the name is there with something else: fail (the default), skip, or overwrite (a new version)'
complete -c credvault -n '__credvault_is \'import\'' -l prefix -x -d 'put P before each name, such as work/'
complete -c credvault -n '__credvault_is \'import\'' -l map -x -d 'call OLD of the source NEW; may be repeated'
complete -c credvault -n '__credvault_is \'import\'' -l map-file -r -F -d 'lines OLD<tab>NEW, as --dry-run prints them in a pipe'
complete -c credvault -n '__credvault_is \'import\'' -l runtime-env -d 'give each a variable made of its name'
complete -c credvault -n '__credvault_is \'import\'' -l executor-only -d 'give none a variable, whatever its name or the source says'
complete -c credvault -n '__credvault_is \'import\'' -l allow-env -x -a '(set -nx)' -d 'let VAR be set although it steers programs'
complete -c credvault -n '__credvault_is \'import\'' -l whole -d 'pass, gopass: the whole text of an entry is its value'
complete -c credvault -n '__credvault_is \'import\'' -l password-file -r -F -d 'keepass, bitwarden: the password is in the file F'
complete -c credvault -n '__credvault_is \'import\'' -l kdbx-key-file -r -F -d 'keepass: the key file of the database'
complete -c credvault -n '__credvault_is \'import\'' -l skip-unreadable -d 'import the rest where some entries cannot be read or stored'
complete -c credvault -n '__credvault_is \'import\'' -l undo-file -r -F -d 'write the undo file to F, not to the state folder'
complete -c credvault -n '__credvault_is \'import\'' -l undo -r -F -d 'take back the import whose undo file F is'
complete -c credvault -n '__credvault_is \'import\'' -s h -l help -d 'show this help'
complete -c credvault -n '__credvault_is_word \'copy\' 0+' -a '(__credvault_ask name)'
complete -c credvault -n '__credvault_is \'copy\'' -l from -x -a '(__credvault_ask profile)' -d 'from the profile P of config.toml'
complete -c credvault -n '__credvault_is \'copy\'' -l from-vault -r -F -d 'from the vault file FILE'
complete -c credvault -n '__credvault_is \'copy\'' -l from-backend -x -d 'from the backend B with its default settings'
complete -c credvault -n '__credvault_is \'copy\'' -l from-key-file -r -F -d 'unlock the first with the key in the file F'
complete -c credvault -n '__credvault_is \'copy\'' -l to -x -a '(__credvault_ask profile)' -d 'to the profile P of config.toml'
complete -c credvault -n '__credvault_is \'copy\'' -l to-vault -r -F -d 'to the vault file FILE'
complete -c credvault -n '__credvault_is \'copy\'' -l to-backend -x -d 'to the backend B with its default settings'
complete -c credvault -n '__credvault_is \'copy\'' -l to-key-file -r -F -d 'unlock the second with the key in the file F'
complete -c credvault -n '__credvault_is \'copy\'' -l dry-run -d 'show the plan, and do nothing'
complete -c credvault -n '__credvault_is \'copy\'' -s y -l yes -d 'do not ask; needed without a terminal'
complete -c credvault -n '__credvault_is \'copy\'' -l on-conflict -x -a 'fail skip overwrite' -d 'if the name is there with something else: fail (the default), skip, or overwrite (a new version)'
complete -c credvault -n '__credvault_is \'copy\'' -l no-versions -d 'copy only the current version of each'
complete -c credvault -n '__credvault_is \'copy\'' -l skip-unreadable -d 'copy the rest where some cannot be read, or stored there'
complete -c credvault -n '__credvault_is \'copy\'' -s h -l help -d 'show this help'
complete -c credvault -n '__credvault_is \'offline\'' -a save -d 'make the offline copy, or replace all that it holds'
complete -c credvault -n '__credvault_is \'offline\'' -a status -d 'show of what store the offline copy is, since when, and what it holds'
complete -c credvault -n '__credvault_is \'offline\'' -a forget -d 'remove the offline copy'
complete -c credvault -n '__credvault_is \'offline\'' -s h -l help -d 'show this help'
complete -c credvault -n '__credvault_is_word \'offline save\' 0+' -a '(__credvault_ask name)'
complete -c credvault -n '__credvault_is \'offline save\'' -l executor-only -d 'copy executor_only secrets too'
complete -c credvault -n '__credvault_is \'offline save\'' -l past -d 'copy earlier versions too'
complete -c credvault -n '__credvault_is \'offline save\'' -l keyring -d 'for a first copy, make a key and keep it in the OS keyring'
complete -c credvault -n '__credvault_is \'offline save\'' -s h -l help -d 'show this help'
complete -c credvault -n '__credvault_is \'offline status\'' -s h -l help -d 'show this help'
complete -c credvault -n '__credvault_is \'offline forget\'' -s h -l help -d 'show this help'
complete -c credvault -n '__credvault_is \'inject\'' -s i -l input -r -F -d 'the template; stdin without it, or for -'
complete -c credvault -n '__credvault_is \'inject\'' -s o -l output -r -F -d 'put it in a new file, mode 0600; stdout without it, or for -'
complete -c credvault -n '__credvault_is \'inject\'' -l force -d 'with -o, replace the file if it is there'
complete -c credvault -n '__credvault_is \'inject\'' -l raw -d 'show control characters on a terminal'
complete -c credvault -n '__credvault_is \'inject\'' -s h -l help -d 'show this help'
complete -c credvault -n '__credvault_is_word \'redact\' 0+' -a '(__credvault_ask name)'
complete -c credvault -n '__credvault_is \'redact\'' -l past -d 'hide the values of earlier versions too'
complete -c credvault -n '__credvault_is \'redact\'' -s h -l help -d 'show this help'
complete -c credvault -n '__credvault_is_word \'check\' 0+' -a '(__credvault_ask name)'
complete -c credvault -n '__credvault_is \'check\'' -l require -x -a '(__credvault_ask name)' -d 'a secret that must be there; repeatable'
complete -c credvault -n '__credvault_is \'check\'' -s h -l help -d 'show this help'
complete -c credvault -n '__credvault_is_word \'shellenv\' 0' -a 'bash zsh fish'
complete -c credvault -n '__credvault_is \'shellenv\'' -l load -d 'print what to load in this folder; the hook runs this'
complete -c credvault -n '__credvault_is \'shellenv\'' -l told -x -d 'with --load, do not say again that it is untrusted, or locked'
complete -c credvault -n '__credvault_is \'shellenv\'' -s h -l help -d 'show this help'
complete -c credvault -n '__credvault_is_word \'trust\' 0' -F
complete -c credvault -n '__credvault_is \'trust\'' -s y -l yes -d 'do not ask'
complete -c credvault -n '__credvault_is \'trust\'' -l list -d 'show what was trusted, and whether it has changed since'
complete -c credvault -n '__credvault_is \'trust\'' -l remove -d 'stop trusting it'
complete -c credvault -n '__credvault_is \'trust\'' -s h -l help -d 'show this help'
complete -c credvault -n '__credvault_is \'uri\'' -a check -d 'say what a URI is read as'
complete -c credvault -n '__credvault_is \'uri\'' -s h -l help -d 'show this help'
complete -c credvault -n '__credvault_is \'uri check\'' -l read -d 'see whether it is there, too; no value is shown'
complete -c credvault -n '__credvault_is \'uri check\'' -s h -l help -d 'show this help'
complete -c credvault -n '__credvault_is \'doctor\'' -l verify -d 'read and open everything in the vault'
complete -c credvault -n '__credvault_is \'doctor\'' -s h -l help -d 'show this help'
complete -c credvault -n '__credvault_is_word \'completion\' 0' -a 'bash zsh fish'
complete -c credvault -n '__credvault_is \'completion\'' -s h -l help -d 'show this help'
complete -c credvault -n '__credvault_is \'\' \'init\' \'add\' \'list\' \'rotate\' \'delete\' \'test\' \'exec\' \'history\' \'edit\' \'unlock\' \'lock\' \'agent\' \'agent status\' \'agent stop\' \'agent run\' \'slot\' \'slot list\' \'slot add\' \'slot change\' \'slot remove\' \'rekey\' \'salvage\' \'export\' \'import\' \'copy\' \'offline\' \'offline save\' \'offline status\' \'offline forget\' \'inject\' \'redact\' \'check\' \'shellenv\' \'trust\' \'uri\' \'uri check\' \'doctor\' \'completion\'' -l version -d 'show the version'
complete -c credvault -n '__credvault_is \'\' \'init\' \'add\' \'get\' \'list\' \'rotate\' \'delete\' \'undelete\' \'test\' \'exec\' \'history\' \'edit\' \'unlock\' \'lock\' \'agent\' \'agent status\' \'agent stop\' \'agent run\' \'slot\' \'slot list\' \'slot add\' \'slot change\' \'slot remove\' \'rekey\' \'salvage\' \'export\' \'import\' \'copy\' \'offline\' \'offline save\' \'offline status\' \'offline forget\' \'inject\' \'redact\' \'check\' \'shellenv\' \'trust\' \'uri\' \'uri check\' \'doctor\' \'completion\'' -l profile -x -a '(__credvault_ask profile)' -d 'use the profile P of config.toml'
complete -c credvault -n '__credvault_is \'\' \'init\' \'add\' \'get\' \'list\' \'rotate\' \'delete\' \'undelete\' \'test\' \'exec\' \'history\' \'edit\' \'unlock\' \'lock\' \'agent\' \'agent status\' \'agent stop\' \'agent run\' \'slot\' \'slot list\' \'slot add\' \'slot change\' \'slot remove\' \'rekey\' \'salvage\' \'export\' \'import\' \'copy\' \'offline\' \'offline save\' \'offline status\' \'offline forget\' \'inject\' \'redact\' \'check\' \'shellenv\' \'trust\' \'uri\' \'uri check\' \'doctor\' \'completion\'' -l vault -r -F -d 'use the vault file FILE'
complete -c credvault -n '__credvault_is \'\' \'init\' \'add\' \'get\' \'list\' \'rotate\' \'delete\' \'undelete\' \'test\' \'exec\' \'history\' \'edit\' \'unlock\' \'lock\' \'agent\' \'agent status\' \'agent stop\' \'agent run\' \'slot\' \'slot list\' \'slot add\' \'slot change\' \'slot remove\' \'rekey\' \'salvage\' \'export\' \'import\' \'copy\' \'offline\' \'offline save\' \'offline status\' \'offline forget\' \'inject\' \'redact\' \'check\' \'shellenv\' \'trust\' \'uri\' \'uri check\' \'doctor\' \'completion\'' -l backend -x -d 'use the backend B with its default settings'
complete -c credvault -n '__credvault_is \'\' \'init\' \'add\' \'get\' \'list\' \'rotate\' \'delete\' \'undelete\' \'test\' \'history\' \'edit\' \'unlock\' \'lock\' \'agent\' \'agent status\' \'agent stop\' \'agent run\' \'slot\' \'slot list\' \'slot add\' \'slot change\' \'slot remove\' \'rekey\' \'salvage\' \'import\' \'copy\' \'offline\' \'offline save\' \'offline status\' \'offline forget\' \'inject\' \'redact\' \'check\' \'shellenv\' \'trust\' \'uri\' \'uri check\' \'doctor\' \'completion\'' -s n -l namespace -x -a '(__credvault_ask namespace)' -d 'the namespace of names without one'
complete -c credvault -n '__credvault_is \'\' \'add\' \'get\' \'list\' \'rotate\' \'delete\' \'undelete\' \'test\' \'exec\' \'history\' \'edit\' \'unlock\' \'lock\' \'agent\' \'agent status\' \'agent stop\' \'agent run\' \'slot\' \'slot list\' \'slot add\' \'slot change\' \'slot remove\' \'rekey\' \'salvage\' \'export\' \'import\' \'copy\' \'offline\' \'offline save\' \'offline status\' \'offline forget\' \'inject\' \'redact\' \'check\' \'shellenv\' \'trust\' \'uri\' \'uri check\' \'doctor\' \'completion\'' -l key-file -r -F -d 'unlock with the key in the file F'
complete -c credvault -n '__credvault_is \'\' \'init\' \'add\' \'get\' \'list\' \'rotate\' \'delete\' \'undelete\' \'test\' \'exec\' \'history\' \'edit\' \'unlock\' \'lock\' \'agent\' \'agent status\' \'agent stop\' \'agent run\' \'slot\' \'slot list\' \'slot add\' \'slot change\' \'slot remove\' \'rekey\' \'salvage\' \'export\' \'import\' \'copy\' \'offline\' \'offline save\' \'offline status\' \'offline forget\' \'inject\' \'redact\' \'check\' \'shellenv\' \'trust\' \'uri\' \'uri check\' \'doctor\' \'completion\'' -l accept-rollback -d 'accept a vault file older than the one last seen'
complete -c credvault -n '__credvault_is \'\' \'init\' \'add\' \'get\' \'list\' \'rotate\' \'delete\' \'undelete\' \'exec\' \'history\' \'edit\' \'unlock\' \'lock\' \'agent\' \'agent status\' \'agent stop\' \'agent run\' \'slot\' \'slot list\' \'slot add\' \'slot change\' \'slot remove\' \'rekey\' \'salvage\' \'export\' \'import\' \'copy\' \'offline\' \'offline save\' \'offline status\' \'offline forget\' \'inject\' \'redact\' \'check\' \'shellenv\' \'trust\' \'uri\' \'uri check\' \'doctor\' \'completion\'' -l offline -d 'read the offline copy of the profile, not the store'
complete -c credvault -n '__credvault_is \'\' \'init\' \'add\' \'get\' \'list\' \'rotate\' \'delete\' \'undelete\' \'test\' \'exec\' \'history\' \'edit\' \'unlock\' \'lock\' \'agent\' \'agent status\' \'agent stop\' \'agent run\' \'slot\' \'slot list\' \'slot add\' \'slot change\' \'slot remove\' \'rekey\' \'salvage\' \'export\' \'import\' \'copy\' \'offline\' \'offline save\' \'offline status\' \'offline forget\' \'inject\' \'redact\' \'check\' \'shellenv\' \'trust\' \'uri\' \'uri check\' \'doctor\' \'completion\'' -l max-age -x -d 'with --offline, refuse a copy that is older than D'
complete -c credvault -n '__credvault_is \'\' \'init\' \'add\' \'get\' \'list\' \'rotate\' \'delete\' \'undelete\' \'test\' \'exec\' \'history\' \'edit\' \'unlock\' \'lock\' \'agent\' \'agent status\' \'agent stop\' \'agent run\' \'slot\' \'slot list\' \'slot add\' \'slot change\' \'slot remove\' \'rekey\' \'salvage\' \'export\' \'import\' \'copy\' \'offline\' \'offline save\' \'offline status\' \'offline forget\' \'inject\' \'redact\' \'check\' \'shellenv\' \'trust\' \'uri\' \'uri check\' \'doctor\' \'completion\'' -l json -d 'write answers and errors as JSON'
complete -c credvault -n '__credvault_is \'\' \'init\' \'add\' \'get\' \'list\' \'rotate\' \'delete\' \'undelete\' \'test\' \'exec\' \'history\' \'edit\' \'unlock\' \'lock\' \'agent\' \'agent status\' \'agent stop\' \'agent run\' \'slot\' \'slot list\' \'slot add\' \'slot change\' \'slot remove\' \'rekey\' \'salvage\' \'export\' \'import\' \'copy\' \'offline\' \'offline save\' \'offline status\' \'offline forget\' \'inject\' \'redact\' \'check\' \'shellenv\' \'trust\' \'uri\' \'uri check\' \'doctor\' \'completion\'' -l no-input -d 'never ask; fail where an answer is needed'
complete -c credvault -n '__credvault_is \'\' \'init\' \'add\' \'get\' \'list\' \'rotate\' \'delete\' \'undelete\' \'test\' \'exec\' \'history\' \'edit\' \'unlock\' \'lock\' \'agent\' \'agent status\' \'agent stop\' \'agent run\' \'slot\' \'slot list\' \'slot add\' \'slot change\' \'slot remove\' \'rekey\' \'salvage\' \'export\' \'import\' \'copy\' \'offline\' \'offline save\' \'offline status\' \'offline forget\' \'inject\' \'redact\' \'check\' \'shellenv\' \'trust\' \'uri\' \'uri check\' \'doctor\' \'completion\'' -s q -l quiet -d 'say nothing but errors'
complete -c credvault -n '__credvault_is \'\' \'init\' \'add\' \'get\' \'list\' \'rotate\' \'delete\' \'undelete\' \'test\' \'exec\' \'history\' \'edit\' \'unlock\' \'lock\' \'agent\' \'agent status\' \'agent stop\' \'agent run\' \'slot\' \'slot list\' \'slot add\' \'slot change\' \'slot remove\' \'rekey\' \'salvage\' \'export\' \'import\' \'copy\' \'offline\' \'offline save\' \'offline status\' \'offline forget\' \'inject\' \'redact\' \'check\' \'shellenv\' \'trust\' \'uri\' \'uri check\' \'doctor\' \'completion\'' -s v -l verbose -d 'say more; -vv adds tracebacks'
complete -c credvault -n '__credvault_is \'\' \'init\' \'add\' \'get\' \'list\' \'rotate\' \'delete\' \'undelete\' \'test\' \'exec\' \'history\' \'edit\' \'unlock\' \'lock\' \'agent\' \'agent status\' \'agent stop\' \'agent run\' \'slot\' \'slot list\' \'slot add\' \'slot change\' \'slot remove\' \'rekey\' \'salvage\' \'export\' \'import\' \'copy\' \'offline\' \'offline save\' \'offline status\' \'offline forget\' \'inject\' \'redact\' \'check\' \'shellenv\' \'trust\' \'uri\' \'uri check\' \'doctor\' \'completion\'' -l color -x -a 'auto always never' -d 'colours on a terminal'
complete -c credvault -n '__credvault_is \'\'' -s h -l help -d 'show this help'
