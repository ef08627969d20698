#!/usr/bin/env bash
# Installs one of the project's binaries and puts it on the PATH of the steps that follow.
#
# From the environment, never from the command line:
#   BINARY    the binary's name
#   SOURCE    the folder of the package that builds it
#   VERSION   a release such as 0.1.0; empty for that of the action's own sources; `source` to build these
#   CHECKSUM  the SHA-256 that the release's archive must have; empty to take it from the release's list
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
releases=https://github.com/windlass-rs/windlass/releases/download
bin="${RUNNER_TEMP:?}/windlass-bin"
mkdir -p "$bin"

# To stderr, where the runner reads commands as well: what a substitution prints is kept. A version and a checksum are an input's.
fail() {
    printf '::error title=%s::%s\n' "Cannot install $BINARY" "${1//[^[:print:]]/?}" >&2
    exit 2
}

from_source() {
    command -v cargo >/dev/null || fail 'version: source needs Rust: install a toolchain in a step before this one'
    cargo install --locked --path "$here/$1" --root "${RUNNER_TEMP}/windlass-source" --quiet
    cp "${RUNNER_TEMP}/windlass-source/bin/$BINARY" "$bin/$BINARY"
}

target() {
    case "${RUNNER_OS:-}-${RUNNER_ARCH:-}" in
        Linux-X64) echo x86_64-unknown-linux-musl ;;
        Linux-ARM64) echo aarch64-unknown-linux-musl ;;
        *) fail "there is no release for ${RUNNER_OS:-an unknown system} on ${RUNNER_ARCH:-an unknown processor}: use version: source" ;;
    esac
}

download() {
    curl --proto '=https' --tlsv1.2 --fail --silent --show-error --location --retry 3 --output "$2" "$1" ||
        fail "cannot download $1: is there such a release?"
}

from_release() {
    local name archive expected scratch
    name="windlass-$1-$(target)"
    archive="$name.tar.gz"
    scratch=$(mktemp -d)
    download "$releases/v$1/$archive" "$scratch/$archive"
    expected=${CHECKSUM:-}
    if [ -z "$expected" ]; then
        download "$releases/v$1/SHA256SUMS" "$scratch/SHA256SUMS"
        expected=$(awk -v file="$archive" '$2 == file || $2 == "*" file { print $1 }' "$scratch/SHA256SUMS")
        [ -n "$expected" ] || fail "SHA256SUMS of $1 does not name $archive"
    fi
    printf '%s  %s\n' "$expected" "$scratch/$archive" | sha256sum --check --status ||
        fail "$archive does not have the checksum $expected"
    tar -xzf "$scratch/$archive" -C "$scratch" "$name/$BINARY" || fail "$archive has no $BINARY"
    install -m 755 "$scratch/$name/$BINARY" "$bin/$BINARY"
    rm -rf "$scratch"
}

version=${VERSION:-}
if [ -z "$version" ]; then
    version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' "$here/Cargo.toml")
fi
case "$version" in
    source) from_source "${SOURCE:?}" ;;
    *[!0-9A-Za-z.+-]* | '') fail "\`$version\` is no version" ;;
    *) from_release "$version" ;;
esac
printf '%s\n' "$bin" >>"${GITHUB_PATH:?}"
"$bin/$BINARY" --version
