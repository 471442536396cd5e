# credvault's hook for fish 3.2 and later: in config.fish, credvault shellenv fish | source
#
# At each prompt and after each cd: has the project's file, what it says or the signal of 'trust' and 'unlock' changed?
# That is asked with builtins alone, and no process is started. If so, what was loaded is taken back, and credvault
# prints what to load. Names begin with __credvault, locals too, for a variable that is loaded must not be one of them.
# None is exported but __CREDVAULT_LOADED, names only: by it, a shell within this one knows what to take back.

function __credvault_hook --on-event fish_prompt --on-variable PWD
    set -l __credvault_status $status
    set -l fish_trace # no trace shows a value
    __credvault_look
    return $__credvault_status
end

function credvault_reload
    set -eg __credvault_folder
    __credvault_hook
end

function __credvault_look
    set -l __credvault_now
    test -f @SIGNAL@; and read __credvault_now <@SIGNAL@
    # The real path: what links led here has no say in whose file is found. Of a folder that was removed there is none.
    set -l __credvault_up (pwd -P 2>/dev/null | string collect)
    while test -n "$__credvault_up"; and not test -e "$__credvault_up/.credvault.toml"
        set __credvault_up (string replace -r '/[^/]*$' '' -- "$__credvault_up" | string collect)
    end
    test -n "$__credvault_up"; or not test -e /.credvault.toml; or set __credvault_up /
    set -l __credvault_content (__credvault_read $__credvault_up | string collect -N)
    # As at the last prompt? There is none before the first one, and none to load anew.
    if set -q __credvault_folder; and test "$__credvault_up" = "$__credvault_folder" \
            -a "$__credvault_content" = "$__credvault_seen"
        test -z "$__credvault_up" -o "$__credvault_state" = loaded -o "$__credvault_now" = "$__credvault_signal"
        and return
    else
        __credvault_unload
        set -g __credvault_folder "$__credvault_up"
        set -g __credvault_seen "$__credvault_content"
        set -g __credvault_state ''
        test -n "$__credvault_up"; or return
    end
    set -g __credvault_signal $__credvault_now
    __credvault_load $__credvault_state
end

function __credvault_read
    # What is not the user's is passed over by credvault, and may be of any size.
    if test -n "$argv[1]" -a -f "$argv[1]/.credvault.toml" -a -O "$argv[1]/.credvault.toml" \
            -a -r "$argv[1]/.credvault.toml"
        read -lz __credvault_content <$argv[1]/.credvault.toml
        printf '+%s' $__credvault_content
    end
end

function __credvault_load
    set -g __credvault_state failed # until the code says otherwise
    command credvault shellenv fish --load --no-input --told=$argv[1] </dev/null | source
end

function __credvault_save
    set -l __credvault_had none
    set -qg $argv[1]; and set __credvault_had plain
    set -qgx $argv[1]; and set __credvault_had exported
    set -g __credvault_had_$argv[1] $__credvault_had
    set -g __credvault_was_$argv[1] $$argv[1]
    set -ga __credvault_names $argv[1]
    set -gx __CREDVAULT_LOADED "$__credvault_names"
    return 0 # which set does not say
end

function __credvault_unload
    if test -z "$__credvault_names" -a -n "$__CREDVAULT_LOADED"
        # What the shell around this one loaded: what was there before, only that one knows.
        set -g __credvault_names (string split ' ' -- "$__CREDVAULT_LOADED" | string match -r '^[A-Za-z_][A-Za-z0-9_]*$')
    end
    for __credvault_name in $__credvault_names
        set -l __credvault_had __credvault_had_$__credvault_name
        set -l __credvault_was __credvault_was_$__credvault_name
        switch "$$__credvault_had"
            case exported
                set -gx $__credvault_name $$__credvault_was
            case plain
                set -gu $__credvault_name $$__credvault_was
            case '*'
                set -eg $__credvault_name
        end
        set -eg $__credvault_had
        set -eg $__credvault_was
        set -eg __credvault_names[1]
    end
    set -eg __credvault_names
    set -eg __CREDVAULT_LOADED
end
