from __future__ import annotations

from engine.domain.containers.oci.plan import HOST, NEW, Namespaces, SpecMount, User


def test_namespaces_are_new_except_the_cgroups_and_the_users() -> None:
    kinds = Namespaces()
    assert {kinds.network, kinds.uts, kinds.pid, kinds.ipc} == {NEW}
    assert {kinds.cgroup, kinds.user} == {HOST}


def test_user_is_root_and_mounts_are_recursive_binds_unless_said() -> None:
    assert (User().uid, User().gid) == (0, 0)
    mount = SpecMount(destination="/a", source="/b")
    assert (mount.type, mount.recursive, mount.read_only) == ("bind", True, False)
