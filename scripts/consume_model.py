#!/usr/bin/env python
"""How another service uses an exported model: onnxruntime and numpy, nothing of stylenet.

python scripts/consume_model.py model.onnx pictures.npy stylized.npy
"""

import sys

import numpy as np
import onnxruntime

if len(sys.argv) != 4:
    sys.exit("usage: consume_model.py MODEL.onnx PICTURES.npy OUT.npy")
model, source, target = sys.argv[1:]
session = onnxruntime.InferenceSession(model, providers=onnxruntime.get_available_providers())
facts = session.get_modelmeta().custom_metadata_map
if facts.get("stylenet.contract") != "1" or facts["stylenet.io"] != "bytes":
    sys.exit(f"{model} does not keep contract 1 with bytes")

pictures = np.load(source)  # uint8 RGB, (N, H, W, 3), any N, any H and W from 32 up
[stylized] = session.run(None, {"image": pictures})  # the same shape and type
np.save(target, stylized)
print(f"{facts['stylenet.style']}: {stylized.shape} written to {target}")
