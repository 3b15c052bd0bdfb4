"""Mode, owner, group, ACL and extended attributes, from one open file to another.

What cannot be carried over makes the saver write in place, so only what would be lost by a replacement and
kept by writing in place may count. On Linux an ACL is the attribute ``system.posix_acl_access``.
"""

import errno
import os
import stat

MYPY = False
if MYPY:
    from typing import Dict

# Belong to the inode or its bytes, or are made up by the file system: never carried over. The kernel drops
# capabilities (like the measurements) whenever a file is written, in place too, so they are tried and no
# more.
_OWN = ("security.ima", "security.evm", "lustre.", "ceph.", "trusted.lov", "trusted.overlay.", "gluster.")
# Losing these changes who may use the file, or what the user wrote down about it.
_MATTERS = ("user.", "system.", "security.")
_TRIED = ("security.capability",)


def copy(source: int, to: int) -> str:
    """Give *to* the metadata of *source*; returns what cannot be carried over, such as ``owner``, or "".

    Set-id bits stay, as vim and emacs keep them: who may do this owns the file, or is root.
    """
    st, now = os.fstat(source), os.fstat(to)
    uid = st.st_uid if st.st_uid != now.st_uid else -1
    gid = st.st_gid if st.st_gid != now.st_gid else -1
    if (uid, gid) != (-1, -1):
        try:
            os.fchown(to, uid, gid)
        except OSError:
            return "owner" if uid != -1 else "group"
    try:
        lost = _copy_attributes(source, to)
    except OSError:
        lost = "attributes"
    if lost:
        return lost
    try:
        os.fchmod(to, stat.S_IMODE(st.st_mode))
    except OSError:
        return "mode"
    now = os.fstat(to)  # a group that is not ours loses the set-gid bit without an error
    if (now.st_uid, now.st_gid) != (st.st_uid, st.st_gid):
        return "owner"
    return "" if stat.S_IMODE(now.st_mode) == stat.S_IMODE(st.st_mode) else "mode"


def _copy_attributes(source: int, to: int) -> str:
    wanted, there = attributes(source), attributes(to)
    for name, value in wanted.items():
        if there.get(name) == value or name.startswith(_OWN):
            continue
        try:
            os.setxattr(to, name, value)
        except OSError:
            if name.startswith(_MATTERS) and name not in _TRIED:
                return "attribute {}".format(name)
    for name in there:  # the directory's default ACL gave the new file what the old one had not
        if name not in wanted and name.startswith(("system.posix_acl", "user.")):
            try:
                os.removexattr(to, name)
            except OSError:
                return "attribute {}".format(name)
    return ""


def attributes(fd: int) -> "Dict[str, bytes]":
    """The extended attributes of *fd*; none where the system or the file system has none.

    Raises OSError when one that is there, and matters, cannot be read.
    """
    if not hasattr(os, "listxattr"):  # macOS
        return {}
    try:
        names = os.listxattr(fd)
    except OSError as error:
        if error.errno in (errno.ENOTSUP, errno.ENOSYS):
            return {}
        raise
    found = {}
    for name in names:
        try:
            found[name] = os.getxattr(fd, name)
        except OSError as error:
            if error.errno != errno.ENODATA and name.startswith(("user.", "system.")):
                raise
    return found


def like_new(path: str, to: int) -> None:
    """Give *to* what the kernel gives a new file of any editor in that place: 0666 less the umask, or the
    directory's default ACL. *path* is a free name there, where a file is made to ask; the caller removes it.
    """
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
    try:
        copy(fd, to)
    finally:
        os.close(fd)
