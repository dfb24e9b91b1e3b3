"""Prints what the stock reader of safetensors finds in the files that are named, a line for each."""

import hashlib
import sys

from safetensors import deserialize, safe_open

for path in sys.argv[1:]:
    with safe_open(path, framework="np") as opened:
        (name,) = opened.keys()
        tensor = opened.get_slice(name)
        shape = ",".join(str(length) for length in tensor.get_shape())
        dtype = tensor.get_dtype()
        metadata = (opened.metadata() or {}).get("key", "")
    # numpy has no BF16, so the bytes come another way.
    with open(path, "rb") as file:
        ((_, raw),) = deserialize(file.read())
    print(name, dtype, shape, hashlib.sha256(raw["data"]).hexdigest(), metadata, sep="|")
