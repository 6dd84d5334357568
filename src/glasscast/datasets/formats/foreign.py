"""Files that no reader takes, by what they begin with, and the command that makes them readable."""

from __future__ import annotations

import re
from dataclasses import dataclass

from glasscast.datasets.formats.format import Head

_ASE = "ase convert -n : {name} {stem}.extxyz"
#: What follows a conversion to DCD, which keeps no steps.
_AS_DCD = "; put the parent beside it as initial.data, a step is then that from frame to frame"
_MDTRAJ = "mdconvert {name} -o {stem}.dcd" + _AS_DCD


def _by_mdtraj(reader: str) -> str:
    """Python that keeps lengths as they are; mdconvert makes angstroms of nanometres."""
    return (
        f"python -c \"from mdtraj.formats import *; r = {reader}('{{name}}').read(); "
        "b = r[3].diagonal(0, 1, 2); "
        "DCDTrajectoryFile('{stem}.dcd', 'w').write(r[0], b, 0 * b + 90)\"" + _AS_DCD
    )


@dataclass(frozen=True)
class Foreign:
    """A kind of file that is known and not read.

    Parameters
    ----------
    what : what it is.
    mend : command, or words, with ``{name}`` and ``{stem}`` of the file.
    """

    what: str
    mend: str

    def mend_for(self, head: Head) -> str:
        """Return what makes a file readable."""
        return self.mend.format(name=head.path.name, stem=head.path.stem)


#: Compressed or not, which tar sees by itself.
TAR = Foreign("a tar archive", "tar xf {name}")
#: First bytes -> kind. More is needed for XDR, whose magic is a number.
_MAGIC = {
    b"LammpS RestartT": Foreign("a LAMMPS restart file", "lmp -restart2data {name} {stem}.data"),
    b"CDF\x01": Foreign("NetCDF", _MDTRAJ),
    b"CDF\x02": Foreign("NetCDF", _MDTRAJ),
    b"CDF\x05": Foreign("NetCDF", _MDTRAJ),
    b"\x89HDF": Foreign("HDF5 or H5MD", "write it as GSD or extended XYZ"),
    b"\0\0\x07\xcb": Foreign("XTC of GROMACS", _by_mdtraj("XTCTrajectoryFile")),
    b"\0\0\x07\xc9": Foreign("TRR of GROMACS", _by_mdtraj("TRRTrajectoryFile")),
    b"- of Ulm": Foreign("a trajectory of ASE", _ASE),
    b"PK\x03\x04": Foreign("a zip archive", "unzip {name}"),
    b"%PDF": Foreign("PDF", "give the data"),
    b"\x93NUMPY": Foreign(
        "a single array", "save positions, types and box together: numpy.savez(...)"
    ),
}
#: Pattern of a first line -> kind.
_LINES = {
    r"LAMMPS \(.*\)": Foreign("the log of LAMMPS", "give the dumps that the run wrote"),
    r"(HEADER|CRYST1|REMARK|TITLE|MODEL|ATOM  |HETATM).*": Foreign("PDB", _ASE),
    r"data_\S*": Foreign("CIF", _ASE),
    r"<\?xml.*|<hoomd_xml.*": Foreign("XML", "write it as GSD"),
}
_SUFFIXES = {
    ".gro": Foreign("GRO of GROMACS", _ASE),
    ".poscar": Foreign("POSCAR", _ASE),
    ".vasp": Foreign("POSCAR", _ASE),
    ".bin": Foreign("a binary dump of LAMMPS", "binary2txt {name}"),
    ".h5": Foreign("HDF5", "write it as GSD or extended XYZ"),
}


def recognise(head: Head) -> Foreign | None:
    """Tell what a file is that no reader takes; None if that is not known."""
    if head.suffix == ".npz":
        return None
    for magic, kind in _MAGIC.items():
        if head.first.startswith(magic):
            return kind
    if head.first[257:262] == b"ustar":
        return TAR
    first = head.lines[0].strip() if head.lines else ""
    for pattern, kind in _LINES.items():
        if re.fullmatch(pattern, first):
            return kind
    return _SUFFIXES.get(head.suffix)
