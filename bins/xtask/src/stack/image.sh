#!/bin/sh
# Builds the image of a service's folder as an OCI layout in its target/image: one layer that holds the folder's file.
set -eu
out=$1/target/image
rm -rf "$out"
mkdir -p "$out/blobs/sha256"
put() {
    sum=$(sha256sum "$out/$1" | cut -d ' ' -f 1)
    size=$(wc -c <"$out/$1")
    mv "$out/$1" "$out/blobs/sha256/$sum"
}
tar --mtime=@0 --owner=0 --group=0 --numeric-owner -cf "$out/layer" -C "$1" app
put layer
printf '{"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' "$sum" >"$out/config"
layer=$sum layer_size=$size
put config
printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:%s","size":%s},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"sha256:%s","size":%s}]}' \
    "$sum" "$size" "$layer" "$layer_size" >"$out/manifest"
put manifest
printf '{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:%s","size":%s}]}' \
    "$sum" "$size" >"$out/index.json"
printf '{"imageLayoutVersion":"1.0.0"}' >"$out/oci-layout"
echo "sha256:$sum"
