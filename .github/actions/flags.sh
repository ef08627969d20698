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
    words=()
}

# `switch NAME true|false`: the flag, if it is wanted.
switch() {
    case "$2" in
        true) flags+=("$1") ;;
        false | '') ;;
        *) refuse "the input ${1#--} takes true or false, not ${2//[^A-Za-z0-9 _.-]/?}" ;;
    esac
}

# `required INPUT TEXT`: GitHub does not see to it that an input is there.
required() {
    if [ -z "${2//[[:space:]]/}" ]; then refuse "the input $1 is missing"; fi
}

# `refuse TEXT`: ends the step; the text holds no input as it came.
refuse() {
    printf '::error::%s\n' "$1"
    end 2
}

# `finish COMMAND ARGUMENT…`: runs it and ends the step as it ended.
finish() {
    local code=0
    "$@" || code=$?
    end "$code"
}

end() {
    printf 'exit_code=%s\n' "$1" >>"${GITHUB_OUTPUT:?}"
    exit "$1"
}
