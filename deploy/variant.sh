#!/bin/sh
# variant.sh cuda|cpu INDEX EXTRAS: writes wanted.txt and pinned.txt, what pip is to install and in
# which releases; for cpu, torch comes from INDEX first. EXTRAS are those of pyproject.toml.
set -eu
case "$1" in
cuda)
    cp requirements.txt wanted.txt
    cp requirements.lock pinned.txt
    ;;
cpu)
    if [ -z "${2:-}" ]; then
        echo "Name the index with torch's wheels for processors: --build-arg CPU_WHEELS=ADDRESS" >&2
        exit 1
    fi
    # Nothing of CUDA; its libraries are asked for by torch's other wheels alone.
    sed 's/^faiss-gpu.*/faiss-cpu/; /^faiss-cpu>/d' requirements.txt >wanted.txt
    sed '/^nvidia-/d; /^cuda-/d; /^triton==/d; /^faiss-gpu==/d; s/^\(faiss-cpu==[^ ]*\).*/\1/' \
        requirements.lock >pinned.txt
    # The index has the same releases, marked +cpu.
    pip install $(sed -n 's/^\(torch==[^ ]*\).*/\1/p; s/^\(torchvision==[^ ]*\).*/\1/p' requirements.lock) \
        --index-url "$2"
    ;;
*)
    echo "VARIANT must be cuda or cpu, not $1." >&2
    exit 1
    ;;
esac
# shellcheck disable=SC2086
python3 - ${3:-} >>wanted.txt <<'EOF'
import sys, tomllib
with open("pyproject.toml", "rb") as file:
    extras = tomllib.load(file)["project"]["optional-dependencies"]
print(*(line for name in sys.argv[1:] for line in extras[name]), sep="\n")
EOF
