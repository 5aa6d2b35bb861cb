"""What the code of a student may touch: nothing but a scratch folder.

enter(box) puts the calling process, which must have one thread and no secrets in open
files, into a box it cannot leave. The levels, best first:

full      Linux namespaces: an own tree of files (read-only packages, a scratch folder
          of bounded size in memory), own processes, no network, no capabilities
reduced   Landlock: the same files, no TCP; other processes stay visible, and
          memory that they share
none      nothing but the limits; for code that one trusts
"""

import ctypes
import os
import resource
import signal
import struct
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

FULL, REDUCED, NONE = LEVELS = ("full", "reduced", "none")
HOME = "/home/student"
GIB = 2**30
PROCESSES = 128  # and threads, in one sandbox
SYSTEM = (  # what Python, its packages and fonts read
    *("/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc/alternatives", "/etc/fonts"),
    *("/etc/ld.so.cache", "/etc/localtime", "/etc/mime.types"),
    *("/sys/devices/system/cpu", "/sys/devices/system/node"),
)
SHARED = "/dev/shm"  # semaphores of multiprocessing
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
VARIABLES = (
    "PATH",
    "LANG",
    "LC_ALL",
    "TZ",
    "COURSE_DATA",
)  # that a student's code gets

# <sched.h>, <sys/mount.h>, <linux/mount.h>, <sys/prctl.h>, <linux/landlock.h>
NEWNS, NEWUTS, NEWIPC, NEWUSER = 0x20000, 0x4000000, 0x8000000, 0x10000000
NEWPID, NEWNET = 0x20000000, 0x40000000
MS_NOSUID, MS_NODEV, MS_BIND, MS_REC, MS_PRIVATE = 2, 4, 4096, 16384, 1 << 18
MNT_DETACH, AT_FDCWD, AT_RECURSIVE = 2, -100, 0x8000
RDONLY_NOSUID_NODEV = 1 | 2 | 4
MOUNT_SETATTR, LANDLOCK_CREATE, LANDLOCK_ADD, LANDLOCK_RESTRICT = 442, 444, 445, 446
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 1, 4, 24, 38
READ = 1 << 0 | 1 << 2 | 1 << 3  # Landlock: execute, read a file, list a folder
libc = ctypes.CDLL(None, use_errno=True)


class SandboxError(OSError):
    """The system refuses a step of the sandbox."""


@dataclass(frozen=True)
class Limits:
    """What one submission may use: seconds, GiB, bytes of output."""

    cell: float = 120
    notebook: float = 600
    memory: float = 4
    disk: float = 1
    output: int = 1_000_000


@dataclass(frozen=True)
class Box:
    """A sandbox to enter.

    level: one of LEVELS. hidden: the course, whose other files must stay unseen.
    memory: GiB of one process. disk: GiB of the scratch folder.
    """

    level: str
    hidden: str
    memory: float
    disk: float


def call(name: str, *arguments) -> int:
    """A function of the C library; SandboxError with its name and reason."""
    result = getattr(libc, name)(*arguments)
    if result < 0:
        error = ctypes.get_errno()
        raise SandboxError(error, f"{name}: {os.strerror(error)}")
    return result


def readable() -> list[str]:
    """The files and folders that the code of a student may read."""
    packages = [sys.prefix, sys.base_prefix, str(Path(__file__).parents[1])]
    data = os.environ.get("COURSE_DATA")
    wanted = [*SYSTEM, *packages, *([os.path.abspath(data)] if data else [])]
    return sorted({path for path in wanted if os.path.lexists(path)})


def environment(home: str) -> dict[str, str]:
    """The environment variables that the code of a student gets."""
    kept = {name: os.environ[name] for name in VARIABLES if name in os.environ}
    return kept | {
        "HOME": home, "USER": "student", "TMPDIR": home, "OMP_NUM_THREADS": "1",
        "COURSE_OFFLINE": "1", "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    }  # fmt: skip


def new_processes(level: str) -> None:
    """First half of `full`, before the fork: the next child is process 1 of its own."""
    if level == FULL:
        user, group = os.geteuid(), os.getegid()
        if user == 0:
            call("unshare", NEWPID)
        else:
            call("unshare", NEWUSER | NEWPID)
            map_ids(user, group)


def enter(box: Box, folder: str, user: int) -> None:
    """Second half, in the child: nothing outside can be touched from here on.

    folder: empty; the scratch folder, or where an own tree of files is mounted.
    user: whom root becomes; any number that owns nothing.
    """
    limit_resources(box)
    root = os.geteuid() == 0
    if box.level == FULL:
        call("unshare", NEWNS | NEWNET | NEWIPC | NEWUTS)
        make_tree(box, folder)
    if box.level == NONE:
        return
    if root:
        if box.level == REDUCED:
            os.chown(folder, user, user)
        become(user)
    if box.level == FULL:
        forbid_namespaces(root)
    drop_privileges()
    if box.level == REDUCED:
        restrict_files(folder)


def limit_resources(box: Box) -> None:
    """Memory, size of a file, processes, core dumps."""
    wanted = {resource.RLIMIT_CORE: 0}
    if box.level != NONE:
        wanted[resource.RLIMIT_DATA] = int(box.memory * GIB)
        wanted[resource.RLIMIT_FSIZE] = int(box.disk * GIB)
        wanted[resource.RLIMIT_NOFILE] = 1024
        if box.level == FULL or os.geteuid() == 0:  # else it counts the user's own ones
            wanted[resource.RLIMIT_NPROC] = PROCESSES
    for name, limit in wanted.items():
        hard = resource.getrlimit(name)[1]
        limit = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(name, (limit, limit))


def make_tree(box: Box, root: str) -> None:
    """Replace the tree of files: read-only packages, and a scratch folder in memory."""
    mount("none", "/", None, MS_REC | MS_PRIVATE)
    size = f"size={int(box.disk * GIB)},nr_inodes=100000,mode=755"
    mount("tmpfs", root, "tmpfs", MS_NOSUID | MS_NODEV, size)
    paths = [p for p in readable() if not p.startswith(box.hidden.rstrip("/") + "/")]
    show(paths, root)
    if any(box.hidden.startswith(path + "/") for path in paths):
        mount("tmpfs", root + box.hidden, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755")
    show([p for p in readable() if p not in paths], root)
    for path in DEVICES:
        bind(path, root + path)
    for path in (HOME, SHARED, "/tmp", "/proc"):
        os.makedirs(root + path, exist_ok=True)
        os.chmod(root + path, 0o1777)
    Path(root + "/etc/passwd").write_text(f"student:x:0:0::{HOME}:/bin/false\n")
    try:
        mount("proc", root + "/proc", "proc", MS_NOSUID | MS_NODEV)
    except SandboxError:  # in some containers; Python can do without
        show(["/proc/cpuinfo", "/proc/meminfo", "/proc/stat"], root)
    os.chdir(root)
    call("pivot_root", b".", b".")
    call("umount2", b".", MNT_DETACH)
    os.chdir(HOME)


def show(paths: Iterable[str], root: str) -> None:
    """Make files and folders readable under a new root, at their own paths."""
    for path in paths:
        if os.path.lexists(root + path):  # within a folder that is shown already
            continue
        if os.path.islink(path):
            os.makedirs(os.path.dirname(root + path), exist_ok=True)
            os.symlink(os.readlink(path), root + path)
        else:
            bind(path, root + path)
            attributes = struct.pack("4Q", RDONLY_NOSUID_NODEV, 0, 0, 0)
            where = os.fsencode(root + path)
            call(
                "syscall", MOUNT_SETATTR, AT_FDCWD, where, AT_RECURSIVE, attributes, 32
            )


def bind(path: str, target: str) -> None:
    """Make a file or folder appear at another place."""
    if os.path.isdir(path):
        os.makedirs(target, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        Path(target).touch()
    mount(path, target, None, MS_BIND | MS_REC)


def mount(
    source: str, target: str, kind: str | None, flags: int, data: str = ""
) -> None:
    """mount(2)."""
    encoded = kind and kind.encode()
    try:
        where = os.fsencode(source), os.fsencode(target)
        call("mount", *where, encoded, ctypes.c_ulong(flags), data.encode())
    except SandboxError as error:
        raise SandboxError(error.errno, f"{error.strerror} ({target})") from None


def become(user: int) -> None:
    """Give root up, for a user who owns nothing."""
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    call("prctl", PR_SET_DUMPABLE, 1, 0, 0, 0)  # its own /proc/self stays readable


def map_ids(user: int, group: int) -> None:
    """Keep the own user and group in a new user namespace."""
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1")


def forbid_namespaces(root: bool) -> None:
    """No user namespace, and so no capability, can be had from here on."""
    try:
        if root:
            user, group = os.getuid(), os.getgid()
            call("unshare", NEWUSER)
            map_ids(user, group)
        Path("/proc/sys/user/max_user_namespaces").write_text("0")
    except OSError:  # a host without them, or without /proc: there are none to be had
        pass


def drop_privileges() -> None:
    """No capability, now or through a program that grants one."""
    call("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    capability = 0
    while libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0:
        capability += 1
    version_3, none = struct.pack("Ii", 0x20080522, 0), bytes(24)
    call("capset", version_3, none)
    call("prctl", PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def restrict_files(home: str) -> None:
    """Landlock: read the packages, write the scratch folder, and nothing else."""
    version = call("syscall", LANDLOCK_CREATE, None, 0, 1)
    files = (1 << (13, 14, 15, 15, 16)[min(version, 5) - 1]) - 1
    network = 0b11 if version >= 4 else 0  # bind and connect, TCP
    scope = 0b11 if version >= 6 else 0  # abstract sockets and signals
    rules = struct.pack("3Q", files, network, scope)
    rules = rules[: 8 if version < 4 else 16 if version < 6 else 24]
    ruleset = call("syscall", LANDLOCK_CREATE, rules, len(rules), 0)
    allowed = dict.fromkeys(readable(), READ) | {
        "/proc/self": READ,
        home: files,
        SHARED: files,
    }
    allowed |= dict.fromkeys(DEVICES, READ | 1 << 1)  # and write
    for path, access in allowed.items():
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
        if not os.path.isdir(path):
            access &= ~(1 << 3) & (0b111 | 1 << 14)
        rule = struct.pack("=Qi", access & files, descriptor)
        call("syscall", LANDLOCK_ADD, ruleset, 1, rule, 0)
        os.close(descriptor)
    call("syscall", LANDLOCK_RESTRICT, ruleset, 0)
    os.close(ruleset)


def verify(box: Box) -> None:
    """Prove that the box holds; SandboxError if the course can be read from inside."""
    for name in ("nbgrader_config.py", "solutions", "gradebook.db", "submitted"):
        try:
            descriptor = os.open(os.path.join(box.hidden, name), os.O_RDONLY)
        except OSError:
            continue
        os.close(descriptor)
        raise SandboxError(0, f"{name} of the course can still be read")
    if os.geteuid() == 0:
        raise SandboxError(0, "the code would run as root")
    for path in (sys.prefix, sys.base_prefix):
        if not os.access(path, os.R_OK | os.X_OK):
            raise SandboxError(0, f"{path} is for root alone, and holds the packages")
