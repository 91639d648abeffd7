"""A home folder for Chromium in which it finds further authorities to trust.

Chromium has no option for that: besides its own list it trusts what a database in its user's home
says (NSS, ``.pki/nssdb``). The library that writes such databases comes with every Chromium for
Linux. It can be used once in a process, so this file is run as a script. Names and dates of
certificates are checked as ever.
"""

from __future__ import annotations

import ctypes
import re
import ssl
import subprocess
import sys
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

_SECONDS = 30.0
_CA = 0x8 | 0x10  # CERTDB_VALID_CA, CERTDB_TRUSTED_CA
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


class NoAuthorities(Exception):
    """The database cannot be written; the message says why."""


class _Item(ctypes.Structure):
    _fields_ = (("type", ctypes.c_int), ("data", ctypes.c_char_p), ("len", ctypes.c_uint))


class _Trust(ctypes.Structure):
    _fields_ = (("tls", ctypes.c_uint), ("mail", ctypes.c_uint), ("code", ctypes.c_uint))


def home_with(certificates: Path) -> Path:
    """A new folder that makes a Chromium whose home it is trust the authorities in a PEM file.

    The caller removes it. Blocks for a tenth of a second. Raises `NoAuthorities`.
    """
    home = Path(mkdtemp(prefix="caliber-home-"))
    database = home / ".pki" / "nssdb"
    database.mkdir(parents=True)
    command = [sys.executable, "-P", __file__, str(database), str(certificates)]
    try:
        subprocess.run(  # noqa: S603 - our own script
            command, check=True, capture_output=True, text=True, timeout=_SECONDS
        )
    except subprocess.CalledProcessError as error:
        why = error.stderr.strip().rpartition("\n")[2]
    except (OSError, subprocess.TimeoutExpired) as error:
        why = str(error)
    else:
        return home
    rmtree(home, ignore_errors=True)
    raise NoAuthorities(why)


def _write(database: str, certificates: str) -> None:
    nss = ctypes.CDLL("libnss3.so")
    pointer = ctypes.c_void_p
    nss.PK11_GetInternalKeySlot.restype = pointer
    nss.CERT_GetDefaultCertDB.restype = pointer
    nss.CERT_NewTempCertificate.restype = pointer
    if nss.NSS_InitReadWrite(b"sql:" + database.encode()):
        raise OSError(f"libnss3 makes no database in {database}")
    slot, trusted = pointer(nss.PK11_GetInternalKeySlot()), pointer(nss.CERT_GetDefaultCertDB())
    if nss.PK11_InitPin(slot, None, b""):
        raise OSError("libnss3 does not open its database")
    for number, pem in enumerate(_CERTIFICATE.findall(certificates)):
        der = ssl.PEM_cert_to_DER_cert(pem)
        item = _Item(0, der, len(der))
        certificate = pointer(nss.CERT_NewTempCertificate(trusted, ctypes.byref(item), None, 0, 1))
        name, no_key = b"authority %d" % number, ctypes.c_ulong(0)
        if not certificate or nss.PK11_ImportCert(slot, certificate, no_key, name, 0):
            raise OSError(f"libnss3 does not take certificate {number + 1} of the file")
        if nss.CERT_ChangeCertTrust(trusted, certificate, ctypes.byref(_Trust(_CA, 0, 0))):
            raise OSError(f"libnss3 does not trust certificate {number + 1} of the file")


if __name__ == "__main__":
    _write(sys.argv[1], Path(sys.argv[2]).read_text("ascii", "replace"))
