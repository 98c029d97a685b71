//! The scripts that make shells ask `localtel` what can follow. Each calls `localtel __complete`,
//! shows the answer, and leaves names of files to the shell.

use clap_complete::Shell;

/// Returns the script for a shell, if `localtel` can answer it.
pub(crate) fn script_of(shell: Shell) -> Option<&'static str> {
    match shell {
        Shell::Bash => Some(BASH),
        Shell::Zsh => Some(ZSH),
        Shell::Fish => Some(FISH),
        Shell::Elvish | Shell::PowerShell | _ => None,
    }
}

/// For bash 3.2 and later. It inserts an answer as it is, which is quoted for that.
const BASH: &str = r#"_localtel() {
    local answer line
    COMPREPLY=()
    answer="$(command localtel __complete bash "${COMP_LINE:0:COMP_POINT}" "$2" 2>/dev/null)"
    case "$answer" in
        '') return 0 ;;
        $'\tfiles') compopt -o default 2>/dev/null; return 0 ;;
        $'\tdirectories') compopt -o dirnames 2>/dev/null; return 0 ;;
    esac
    while IFS= read -r line; do
        COMPREPLY+=("$line")
    done <<<"$answer"
    if [[ ${#COMPREPLY[@]} -eq 1 && "${COMPREPLY[0]}" == *[=:/] ]]; then
        compopt -o nospace 2>/dev/null
    fi
    return 0
}
complete -o nosort -F _localtel localtel 2>/dev/null || complete -F _localtel localtel
"#;

/// For zsh, which quotes what it inserts.
const ZSH: &str = r#"#compdef localtel

_localtel() {
    local -a lines whole begun
    local line entry
    lines=("${(@f)$(command localtel __complete zsh "${(@Q)words[1,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)}")
    case "${lines[1]}" in
        '') return 1 ;;
        $'\tfiles') compset -P '--*='; _files; return ;;
        $'\tdirectories') compset -P '--*='; _files -/; return ;;
    esac
    for line in "${lines[@]}"; do
        entry="${line%%$'\t'*}"
        # The description begins after the first colon.
        entry="${${entry//\\/\\\\}//:/\\:}"
        [[ "$line" == *$'\t'* ]] && entry+=":${line#*$'\t'}"
        if [[ "${line%%$'\t'*}" == *[=:/] ]]; then
            begun+=("$entry")
        else
            whole+=("$entry")
        fi
    done
    (( $#whole )) && _describe -V 'localtel' whole
    (( $#begun )) && _describe -V 'localtel' begun -S ''
    return 0
}

if [[ "$funcstack[1]" == _localtel ]]; then
    _localtel "$@"
else
    compdef _localtel localtel
fi
"#;

/// For fish, which quotes what it inserts.
const FISH: &str = r#"function __localtel_complete
    set -l words (commandline --current-process --tokenize --cut-at-cursor)
    set -l typed (commandline --current-token --cut-at-cursor)
    set -l word (string unescape -- "$typed" 2>/dev/null); or set word "$typed"
    set -l lines (command localtel __complete fish $words "$word" 2>/dev/null)
    switch "$lines[1]"
        case \tfiles
            __fish_complete_path "$word"
        case \tdirectories
            __fish_complete_directories "$word" ''
        case '*'
            for line in $lines
                echo $line
            end
    end
end
complete --command localtel --no-files --keep-order --arguments '(__localtel_complete)'
"#;
