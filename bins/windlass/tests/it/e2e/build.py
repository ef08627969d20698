"""Builds a module as `mvn package` and an image plugin do, in small: an OCI image layout in PATH/target/image.

The layout holds a layer that all services share, as they share a Java runtime, and one with the module's own files and
those of the shared module. The same commit gives the same digest.
"""

import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import time

path, service = sys.argv[1:3]
print(f"building {service}")

# A test that wants the build to take its time holds it here; without its parent nobody waits for it any more.
hold = os.environ.get("E2E_HOLD_BUILD", "")
parent = os.getppid()
if hold and os.path.exists(hold):
    open(hold + ".reached", "w").close()
    while os.path.exists(hold):
        if os.getppid() != parent:
            sys.exit(9)
        time.sleep(0.005)

if os.path.exists(f"{path}/does-not-compile"):
    sys.exit(f"[ERROR] {service}: cannot find symbol")
if not os.path.exists(f"{path}/Dockerfile"):
    sys.exit(0)


def git(*arguments):
    return subprocess.run(["git", *arguments], check=True, capture_output=True, text=True).stdout.strip()


commit = git("rev-parse", "HEAD")
image = f"{path}/target/image"
os.makedirs(f"{image}/blobs/sha256", exist_ok=True)


def blob(data):
    name = hashlib.sha256(data).hexdigest()
    with open(f"{image}/blobs/sha256/{name}", "wb") as file:
        file.write(data)
    return {"digest": f"sha256:{name}", "size": len(data)}


def layer(files):
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name, data in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    plain = archive.getvalue()
    packed = gzip.compress(plain, mtime=0)
    return {
        "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
        **blob(packed),
    }, f"sha256:{hashlib.sha256(plain).hexdigest()}"


runtime = b"".join(hashlib.sha256(b"%d" % number).digest() for number in range(8192))
own = {}
for name in git("ls-files", "--", path, "common").split("\n"):
    with open(name, "rb") as file:
        inside = name[len(path) + 1 :] if name.startswith(path + "/") else name
        own[f"app/{inside}"] = file.read()
layers = [layer({"opt/java/lib/modules": runtime}), layer(own)]
config = {
    "architecture": "amd64",
    "os": "linux",
    "config": {
        "Cmd": ["java", "-jar", "/app/app.jar"],
        "Labels": {"org.opencontainers.image.revision": commit, "org.opencontainers.image.title": service},
    },
    "rootfs": {"type": "layers", "diff_ids": [plain for _, plain in layers]},
}
manifest = {
    "schemaVersion": 2,
    "mediaType": "application/vnd.oci.image.manifest.v1+json",
    "config": {
        "mediaType": "application/vnd.oci.image.config.v1+json",
        **blob(json.dumps(config).encode()),
    },
    "layers": [packed for packed, _ in layers],
}
index = {
    "schemaVersion": 2,
    "manifests": [
        {"mediaType": "application/vnd.oci.image.manifest.v1+json", **blob(json.dumps(manifest).encode())}
    ],
}
with open(f"{image}/oci-layout", "w") as file:
    file.write('{"imageLayoutVersion": "1.0.0"}')
with open(f"{image}/index.json", "w") as file:
    json.dump(index, file)

# The scanner that ran beside the build.
sonar = os.environ.get("E2E_SONAR", "")
if sonar:
    os.makedirs(f"{path}/target/sonar", exist_ok=True)
    task = f"{service}-{commit}"
    with open(f"{path}/target/sonar/report-task.txt", "w") as file:
        file.write(
            f"projectKey={service}\nserverUrl={sonar}\nserverVersion=25.1\ndashboardUrl={sonar}/dashboard?id={service}\n"
            f"ceTaskId={task}\nceTaskUrl={sonar}/api/ce/task?id={task}\n"
        )
