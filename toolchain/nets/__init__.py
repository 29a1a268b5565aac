# SPDX-License-Identifier: Apache-2.0
"""Training: torch modules, quantisers, checkpoints, ONNX out. The only home of torch, which submodules import."""
