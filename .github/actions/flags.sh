# shellcheck shell=bash
# Turns an action's inputs, which stand in environment variables, into flags: no input is ever part of a script.

flags=()
words=()

# `lines TEXT`: a word for each line that is not blank.
lines() {
    local line
    while IFS= read -r line; do
        line=${line#"${line%%[![:space:]]*}"}
        line=${line%"${line##*[![:space:]]}"}
        if [ -n "$line" ]; then words+=("$line"); fi
    done <<<"$1"
}

# `value NAME TEXT`: the flag with its value, unless that is empty.
value() {
    if [ -n "$2" ]; then flags+=("$1=$2"); fi
}

# `values NAME TEXT`: the flag once for each line that is not blank.
values() {
    local word
    words=()
    lines "$2"
    for word in "${words[@]}"; do flags+=("$1=$word"); done
}

# `switch NAME true|false`: the flag, if it is wanted.
switch() {
    case "$2" in
        true) flags+=("$1") ;;
        false | '') ;;
        *)
            printf '::error::%s takes true or false, not %s\n' "${1#--}" "${2//[^A-Za-z0-9 _.-]/?}"
            exit 2
            ;;
    esac
}
