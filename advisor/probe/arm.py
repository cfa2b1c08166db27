"""Names of ARM cores, which identify themselves by an implementer and a part number only.

The numbers are the fields of MIDR_EL1, from the cores' technical reference manuals and from Linux'
arch/arm64/include/asm/cputype.h. Cores that do not run Python models (microcontrollers, ARMv7) are left out.
"""

from __future__ import annotations

_IMPLEMENTERS = {
    0x41: "ARM",
    0x42: "Broadcom",
    0x43: "Cavium",
    0x46: "Fujitsu",
    0x48: "HiSilicon",
    0x4E: "NVIDIA",
    0x51: "Qualcomm",
    0x61: "Apple",
    0x6D: "Microsoft",
    0x70: "Phytium",
    0xC0: "Ampere",
}

_CORES = {
    (0x41, 0xD03): "Cortex-A53",
    (0x41, 0xD04): "Cortex-A35",
    (0x41, 0xD05): "Cortex-A55",
    (0x41, 0xD07): "Cortex-A57",
    (0x41, 0xD08): "Cortex-A72",
    (0x41, 0xD09): "Cortex-A73",
    (0x41, 0xD0A): "Cortex-A75",
    (0x41, 0xD0B): "Cortex-A76",
    (0x41, 0xD0C): "Neoverse-N1",
    (0x41, 0xD0D): "Cortex-A77",
    (0x41, 0xD40): "Neoverse-V1",
    (0x41, 0xD41): "Cortex-A78",
    (0x41, 0xD42): "Cortex-A78AE",
    (0x41, 0xD44): "Cortex-X1",
    (0x41, 0xD46): "Cortex-A510",
    (0x41, 0xD47): "Cortex-A710",
    (0x41, 0xD48): "Cortex-X2",
    (0x41, 0xD49): "Neoverse-N2",
    (0x41, 0xD4D): "Cortex-A715",
    (0x41, 0xD4E): "Cortex-X3",
    (0x41, 0xD4F): "Neoverse-V2",
    (0x41, 0xD80): "Cortex-A520",
    (0x41, 0xD81): "Cortex-A720",
    (0x41, 0xD82): "Cortex-X4",
    (0x41, 0xD83): "Neoverse-V3AE",
    (0x41, 0xD84): "Neoverse-V3",
    (0x41, 0xD85): "Cortex-X925",
    (0x41, 0xD87): "Cortex-A725",
    (0x41, 0xD8E): "Neoverse-N3",
    (0x43, 0x0AF): "ThunderX2",
    (0x46, 0x001): "A64FX",
    (0x48, 0xD01): "TaiShan-V110",
    (0x4E, 0x004): "Carmel",
    (0x51, 0x001): "Oryon",
    (0x61, 0x022): "Icestorm (M1)",
    (0x61, 0x023): "Firestorm (M1)",
    (0x61, 0x024): "Icestorm (M1 Pro)",
    (0x61, 0x025): "Firestorm (M1 Pro)",
    (0x61, 0x028): "Icestorm (M1 Max)",
    (0x61, 0x029): "Firestorm (M1 Max)",
    (0x61, 0x032): "Blizzard (M2)",
    (0x61, 0x033): "Avalanche (M2)",
    (0x6D, 0xD49): "Azure Cobalt 100",
    (0xC0, 0xAC3): "AmpereOne",
    (0xC0, 0xAC4): "AmpereOne A",
}

# Arm's own cores are sold under other names, which only the board gives away (SMBIOS sys_vendor).
_PRODUCTS = {
    ("Amazon EC2", "Cortex-A72"): "AWS Graviton",
    ("Amazon EC2", "Neoverse-N1"): "AWS Graviton2",
    ("Amazon EC2", "Neoverse-V1"): "AWS Graviton3",
    ("Amazon EC2", "Neoverse-V2"): "AWS Graviton4",
    ("Amazon EC2", "Neoverse-V3"): "AWS Graviton5",
    ("Google", "Neoverse-V2"): "Google Axion",
    ("Microsoft Corporation", "Neoverse-N1"): "Ampere Altra",
    ("Microsoft Corporation", "Neoverse-N2"): "Azure Cobalt 100",
    ("NVIDIA", "Neoverse-V2"): "NVIDIA Grace",
}


def arm_vendor(implementer: int) -> str:
    """`apple` or `arm`: all other makers implement ARM's own designs or its architecture."""
    return "apple" if implementer == 0x61 else "arm"


def core_name(implementer: int, part: int) -> str:
    """The name of a core, or its maker and part number where the number is not known here."""
    known = _CORES.get((implementer, part))
    if known is not None:
        return known
    maker = _IMPLEMENTERS.get(implementer, f"ARM implementer 0x{implementer:02x}")
    return f"{maker} part 0x{part:03x}"


def product_name(core: str, *, board_vendor: str) -> str | None:
    """What a core is sold as on a board, such as AWS Graviton3; None where the board does not say."""
    return _PRODUCTS.get((board_vendor, core))
