# SPDX-License-Identifier: Apache-2.0
"""Networks as data: ArchSpec, the primitive layers that it means, and the rules that count them. No torch."""

from toolchain.arch.layer import Layer
from toolchain.arch.library import arch_from_dict, builtin_names, load_arch, published, save_arch
from toolchain.arch.spec import ArchSpec


def layers(arch: ArchSpec) -> tuple[Layer, ...]:
    """The primitive layers of `arch`, in an order that can run: the one definition that everything walks.

    >>> [layer.name for layer in layers(load_arch("DS-CNN-S"))][:3]
    ['stem', 'block1_depthwise', 'block1_pointwise']
    """
    return arch.layers()


__all__ = ["ArchSpec", "Layer", "arch_from_dict", "builtin_names", "layers", "load_arch", "published", "save_arch"]
