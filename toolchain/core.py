# SPDX-License-Identifier: Apache-2.0
"""Core: what the generator and the compiler must know of a Cortex-M core. Facts only, no policy.

A Board names a core and may take options away (a Cortex-M33 without DSP, a Cortex-M7 with a single-precision FPU);
`known_core` gives the core with every option that Arm offers, `with_options` the one that was built. Which kernel
runs on which core is decided in export/c/kernel_table.py from these fields, never from the name.

Source of the table: Arm Cortex-M technical reference manuals (options of each core) and the Armv6-M, Armv7-M and
Armv8-M architecture reference manuals; flags as GCC 12's "ARM Options" has them.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from toolchain.errors import BoardError


class Fpu(StrEnum):
    """Floating-point hardware."""

    NONE = "none"
    SINGLE = "single"
    DOUBLE = "double"


@dataclass(frozen=True)
class Core:
    """One core with its options.

    dsp: SMLAD, SXTB16 and their kin (Armv7E-M, or Armv8-M Main with the DSP extension).
    mve: integer Helium. long_multiply: SMULL (32x32 -> 64 bits) exists. divide: SDIV exists.
    unaligned_access: LDR and STR take any address. fpu: see Fpu.
    """

    name: str
    architecture: str
    dsp: bool = False
    mve: bool = False
    fpu: Fpu = Fpu.NONE
    long_multiply: bool = True
    divide: bool = True
    unaligned_access: bool = True

    @property
    def alignment_bytes(self) -> int:
        """Alignment of every buffer in the arena: whole words, or whole vectors where the core has them."""
        return 16 if self.mve else 4

    @property
    def gcc_flags(self) -> tuple[str, ...]:
        """Flags of arm-none-eabi-gcc that select this core, its options and the matching multilib.

        >>> known_core("cortex-m4").gcc_flags
        ('-mcpu=cortex-m4', '-mthumb', '-mfloat-abi=hard', '-mfpu=fpv4-sp-d16')
        >>> with_options(known_core("cortex-m33"), dsp=False, fpu=Fpu.NONE).gcc_flags
        ('-mcpu=cortex-m33+nodsp+nofp', '-mthumb', '-mfloat-abi=soft')
        """
        full = KNOWN_CORES[self.name]
        cpu = self.name
        if full.mve and not self.mve:
            cpu += "+nomve"
        if full.dsp and not self.dsp:
            cpu += "+nodsp"
        if full.fpu is not Fpu.NONE and self.fpu is Fpu.NONE:
            cpu += "+nofp"
        # Helium lives in the floating-point registers: GCC turns it on with the hard-float calling convention only.
        hard = self.fpu is not Fpu.NONE or self.mve
        flags = [f"-mcpu={cpu}", "-mthumb", f"-mfloat-abi={'hard' if hard else 'soft'}"]
        if self.fpu is not Fpu.NONE:
            flags.append(f"-mfpu={_MFPU.get((self.name, self.fpu), 'auto')}")
        return tuple(flags)


# The FPU's name where GCC cannot take it from -mcpu alone, or where a single-precision one is an option.
_MFPU = {
    ("cortex-m4", Fpu.SINGLE): "fpv4-sp-d16",
    ("cortex-m7", Fpu.SINGLE): "fpv5-sp-d16",
    ("cortex-m7", Fpu.DOUBLE): "fpv5-d16",
    ("cortex-m33", Fpu.SINGLE): "fpv5-sp-d16",
}

KNOWN_CORES: dict[str, Core] = {
    core.name: core
    for core in (
        Core("cortex-m0", "armv6-m", long_multiply=False, divide=False, unaligned_access=False),
        Core("cortex-m0plus", "armv6-m", long_multiply=False, divide=False, unaligned_access=False),
        Core("cortex-m3", "armv7-m"),
        Core("cortex-m4", "armv7e-m", dsp=True, fpu=Fpu.SINGLE),
        Core("cortex-m7", "armv7e-m", dsp=True, fpu=Fpu.DOUBLE),
        Core("cortex-m23", "armv8-m.base", long_multiply=False, unaligned_access=False),
        Core("cortex-m33", "armv8-m.main", dsp=True, fpu=Fpu.SINGLE),
        Core("cortex-m55", "armv8.1-m.main", dsp=True, mve=True, fpu=Fpu.DOUBLE),
    )
}

# Options that the architecture fixes: an Armv7E-M core always has DSP, an Armv8-M Baseline core never.
_FIXED_DSP = frozenset({"cortex-m0", "cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m23"})


def known_core(name: str) -> Core:
    """The core of that name with every option that Arm offers for it. Raises BoardError naming the known ones."""
    try:
        return KNOWN_CORES[name]
    except KeyError:
        raise BoardError(f"unknown core {name!r}; known are {', '.join(KNOWN_CORES)}") from None


def with_options(core: Core, *, dsp: bool | None = None, mve: bool | None = None, fpu: Fpu | None = None) -> Core:
    """`core` as it was built into a chip: options taken away. None keeps what the core has.

    Raises BoardError for an option that this core cannot have, or cannot be without.
    """
    full = KNOWN_CORES[core.name]
    asked = replace(
        core,
        dsp=core.dsp if dsp is None else dsp,
        mve=core.mve if mve is None else mve,
        fpu=core.fpu if fpu is None else fpu,
    )
    levels = list(Fpu)
    if (asked.dsp and not full.dsp) or (asked.dsp is not full.dsp and core.name in _FIXED_DSP):
        raise BoardError(f"{core.name} {'always has' if full.dsp else 'cannot have'} the DSP extension")
    if asked.mve and not full.mve:
        raise BoardError(f"{core.name} cannot have Helium (MVE)")
    if asked.mve and not asked.dsp:
        raise BoardError(f"{core.name}: Helium (MVE) includes the DSP extension")
    if levels.index(asked.fpu) > levels.index(full.fpu):
        raise BoardError(f"{core.name} cannot have a {asked.fpu.value}-precision FPU")
    if asked.name == "cortex-m55" and asked.fpu is Fpu.SINGLE:
        raise BoardError("cortex-m55 has a double-precision FPU or none")
    return asked
