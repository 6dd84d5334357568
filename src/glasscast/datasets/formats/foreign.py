"""Files that no reader takes, by what they begin with, and the command that makes them readable."""

from __future__ import annotations

import re
from dataclasses import dataclass

from glasscast.datasets.formats.format import Head

_ASE = "ase convert -n : {name} {stem}.extxyz"
_MDTRAJ = "mdconvert {name} -o {stem}.dcd, with the parent beside it as initial.data"


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


#: First bytes -> kind. More is needed for XDR, whose magic is a number.
_MAGIC = {
    b"LammpS RestartT": Foreign("a LAMMPS restart file", "lmp -restart2data {name} {stem}.data"),
    b"CDF\x01": Foreign("NetCDF", _MDTRAJ),
    b"CDF\x02": Foreign("NetCDF", _MDTRAJ),
    b"CDF\x05": Foreign("NetCDF", _MDTRAJ),
    b"\x89HDF": Foreign("HDF5 or H5MD", "write it as GSD or extended XYZ"),
    b"\0\0\x07\xcb": Foreign("XTC of GROMACS", _MDTRAJ),
    b"\0\0\x07\xc9": Foreign("TRR of GROMACS", _MDTRAJ),
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
    ".tng": Foreign("TNG of GROMACS", _MDTRAJ),
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
        return Foreign("a tar archive", "tar xf {name}")
    first = head.lines[0].strip() if head.lines else ""
    for pattern, kind in _LINES.items():
        if re.fullmatch(pattern, first):
            return kind
    return _SUFFIXES.get(head.suffix)
