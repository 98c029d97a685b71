"""Compresses files as `zstd --rm` does.

compress.py FILE...
"""

import os
import sys

import zstandard

for path in sys.argv[1:]:
    with open(path, "rb") as source, open(f"{path}.zst", "wb") as target:
        zstandard.ZstdCompressor().copy_stream(source, target)
    os.chmod(f"{path}.zst", 0o400)
    os.remove(path)
