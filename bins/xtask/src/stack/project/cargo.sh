#!/bin/sh
# Stands for cargo: writes down how it was called, leaves programs where a build would, and ends a broken demo as DEMO says.
set -eu
# One write: jobs run at the same time.
text=$(
    echo $(($# + 1))
    echo cargo
    for argument in "$@"; do printf '%s\n' "$argument"; done
)
printf '%s\n' "$text" >>"$ACT_PLACE/calls"
case $* in
    'demo --break'*) exit "${DEMO:?}" ;;
    'build --release'*) ;;
    *) exit 0 ;;
esac
while [ $# -gt 0 ]; do
    case $1 in
        --target)
            folder=target/$2/release
            mkdir -p "$folder"
            ;;
        --package)
            cat >"$folder/${2%-cli}" <<'END'
#!/bin/sh
case $1 in
    --version) echo 0.0.0 ;;
    completions) echo "completions for $2" ;;
    man)
        name=${0##*/}
        echo ".TH $name 1" >"$3/$name.1"
        ;;
    *) exit 2 ;;
esac
END
            chmod +x "$folder/${2%-cli}"
            ;;
    esac
    shift
done
