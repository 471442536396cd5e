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
        else if contains -- "$__credvault_command" @GROUPS@
            set __credvault_command (string trim -- "$__credvault_command $token")
        else if contains -- "$__credvault_command" @RUNNING@
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

@TABLES@
complete -c credvault -f
complete -c credvault -n __credvault_has_child -a '(__credvault_complete_child)'
@COMPLETE@
